//! The routes behind the door: notify paths and nothing else.
