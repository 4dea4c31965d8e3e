//! Version 1 of the format: one model, and no combination.

use serde::Deserialize;

use super::v2;
use crate::estimators::Fitted;
use crate::metrics::Task;
use crate::preprocess::Version1;
use crate::table::Field;

/// The contents in the order in which version 1 stores them.
#[derive(Deserialize)]
pub(super) struct Contents {
    engine: String,
    task: Task,
    target: Field,
    classes: Vec<String>,
    fields: Vec<Field>,
    preprocessor: Version1,
    fitted: Fitted,
    estimator: String,
    params: String,
    profile: String,
}

impl From<Contents> for v2::Contents {
    fn from(v1: Contents) -> v2::Contents {
        v2::Contents {
            engine: v1.engine,
            task: v1.task,
            target: v1.target,
            classes: v1.classes,
            fields: v1.fields,
            members: vec![v2::Member { preprocessor: v1.preprocessor.into(), fitted: v1.fitted }],
            combination: None,
            estimator: v1.estimator,
            params: v1.params,
            profile: v1.profile,
        }
    }
}
