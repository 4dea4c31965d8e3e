//! Configuration, wiring, tracing, and the glue to the web server.
