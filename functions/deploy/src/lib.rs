//! Deployments: create, list, show, delete.
