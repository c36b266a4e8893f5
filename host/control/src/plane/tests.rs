mod access;
mod edits;
mod reads;
