//! Version 2 of the format: models without what decisions, intervals and explanations need.

use serde::Deserialize;

use crate::combine::Combination;
use crate::decide::Rule;
use crate::estimators::Fitted;
use crate::metrics::Task;
use crate::preprocess::Preprocessor;
use crate::table::Field;

/// The contents in the order in which version 2 stores them.
#[derive(Deserialize)]
pub(super) struct Contents {
    pub(super) engine: String,
    pub(super) task: Task,
    pub(super) target: Field,
    pub(super) classes: Vec<String>,
    pub(super) fields: Vec<Field>,
    pub(super) members: Vec<Member>,
    pub(super) combination: Option<Combination>,
    pub(super) estimator: String,
    pub(super) params: String,
    pub(super) profile: String,
}

#[derive(Deserialize)]
pub(super) struct Member {
    pub(super) preprocessor: Preprocessor,
    pub(super) fitted: Fitted,
}

impl From<Contents> for super::Contents {
    fn from(v2: Contents) -> super::Contents {
        super::Contents {
            engine: v2.engine,
            task: v2.task,
            target: v2.target,
            classes: v2.classes,
            fields: v2.fields,
            members: v2.members.into_iter().map(super::Member::from).collect(),
            combination: v2.combination,
            rule: Rule::default(),
            conformal: None,
            estimator: v2.estimator,
            params: v2.params,
            profile: v2.profile,
        }
    }
}

impl From<Member> for super::Member {
    fn from(v2: Member) -> super::Member {
        super::Member { preprocessor: v2.preprocessor, fitted: v2.fitted, background: None }
    }
}
