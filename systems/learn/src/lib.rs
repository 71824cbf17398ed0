//! Networks, optimisers and learners.
