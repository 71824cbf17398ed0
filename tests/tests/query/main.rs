//! `starling query` and `starling aggregate`, asked as a person does: through the command line, over runs that the binary made.

mod aggregate;
mod answers;
mod damage;
mod fixture;
mod formats;
mod page;
