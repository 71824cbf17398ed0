//! Settings of the learners and optimisers, one file each.
