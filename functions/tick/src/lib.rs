//! The clock: re-queues what is due.
