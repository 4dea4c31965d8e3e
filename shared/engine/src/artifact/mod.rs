//! A trained model as one self-contained file: what goes in, how it is prepared, what was learned, and
//! what the training data looked like.
//!
//! No code is ever read from a file, and no file can make [`Model::load`] or [`Model::predict`]
//! panic: what could be out of bounds is checked once, when loading.

mod container;
mod explained;
mod intervals;
mod predictions;
mod v1;
mod v2;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::container::ArtifactError;
pub use self::explained::ExplainError;
pub use self::intervals::{IntervalError, Intervals};
pub use self::predictions::Predictions;
use crate::classes::Classes;
use crate::combine::Combination;
use crate::conformal::Conformal;
use crate::decide::Rule;
use crate::estimators::Fitted;
use crate::explain::Background;
use crate::metrics::Task;
use crate::preprocess::{Decision, Preprocessor};
use crate::table::{Column, Field, Kind, Profile, Table, Values};

/// Everything that a model is, in the order in which it is stored: version 3 of the format. A change is
/// a new version beside this one, with a golden file of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// The version of this crate that trained it.
    pub(crate) engine: String,
    pub(crate) task: Task,
    pub(crate) target: Field,
    /// Empty for a regression.
    pub(crate) classes: Vec<String>,
    /// The inputs, in the order of the preprocessor's features.
    pub(crate) fields: Vec<Field>,
    /// One, or those that are combined.
    pub(crate) members: Vec<Member>,
    /// How; none of one member that stands for itself.
    pub(crate) combination: Option<Combination>,
    /// How a class is chosen.
    pub(crate) rule: Rule,
    /// How far off predictions are; none where that was not measured.
    pub(crate) conformal: Option<Conformal>,
    pub(crate) estimator: String,
    /// JSON, since parameters are of any type.
    pub(crate) params: String,
    /// The profile of the inputs and the target, as JSON: read only to look for drift.
    pub(crate) profile: String,
}

/// What is fitted, with the preprocessing that was fitted for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) preprocessor: Preprocessor,
    pub(crate) fitted: Fitted,
    /// What its predictions are compared with; none where they cannot be explained.
    pub(crate) background: Option<Background>,
}

impl Contents {
    /// Reads an artifact of any version. Whether its parts suit each other is for [`Model::load`] to say.
    ///
    /// # Errors
    /// When the bytes are not an artifact, or one that is damaged or of a newer format.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Contents, ArtifactError> {
        let (version, payload) = container::unwrap(bytes)?;
        let invalid = |error: postcard::Error| ArtifactError::Invalid(error.to_string());
        match version {
            1 => {
                let v1: v1::Contents = postcard::from_bytes(&payload).map_err(invalid)?;
                Ok(v2::Contents::from(v1).into())
            }
            2 => Ok(postcard::from_bytes::<v2::Contents>(&payload).map_err(invalid)?.into()),
            _ => postcard::from_bytes(&payload).map_err(invalid),
        }
    }

    /// The artifact's bytes; the same contents give the same bytes.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`].
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        let payload = postcard::to_stdvec(self).map_err(|error| ArtifactError::Invalid(error.to_string()))?;
        container::wrap(&payload)
    }
}

impl Member {
    fn size_bytes(&self) -> usize {
        self.preprocessor.size_bytes()
            + self.fitted.size_bytes()
            + self.background.as_ref().map_or(0, Background::size_bytes)
    }
}

/// A model that predicts, loaded from an artifact.
#[derive(Debug)]
pub struct Model {
    contents: Contents,
    classes: Arc<Classes>,
    params: Map<String, Value>,
    size_bytes: usize,
}

/// What keeps a table from being predicted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SchemaError {
    /// The column at fault.
    pub column: String,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

impl Model {
    /// Loads a model. O(bytes).
    ///
    /// # Errors
    /// When the bytes are not an artifact, or one that is damaged or of a newer format.
    pub fn load(bytes: &[u8]) -> Result<Model, ArtifactError> {
        let contents = Contents::from_bytes(bytes)?;
        let invalid = |what: &str| ArtifactError::Invalid(what.into());
        let outputs = match (contents.task, contents.classes.len()) {
            (Task::Regression, 0) => 1,
            (Task::Binary, 2) => 2,
            (Task::Multiclass, classes @ 2..) => classes,
            _ => return Err(invalid("the classes do not suit the task")),
        };
        let kinds: Vec<Kind> = contents.fields.iter().map(|field| field.kind).collect();
        for member in &contents.members {
            member.preprocessor.check(&kinds).map_err(ArtifactError::Invalid)?;
            let width = member.preprocessor.width();
            member.fitted.check(width, outputs).map_err(ArtifactError::Invalid)?;
            if let Some(background) = &member.background {
                member.fitted.check_background(background, width).map_err(ArtifactError::Invalid)?;
            }
        }
        contents.rule.check(contents.classes.len()).map_err(ArtifactError::Invalid)?;
        if let Some(conformal) = &contents.conformal {
            conformal.check().map_err(ArtifactError::Invalid)?;
        }
        match &contents.combination {
            Some(combination) => {
                combination.check(contents.members.len(), outputs).map_err(ArtifactError::Invalid)?;
            }
            None if contents.members.len() == 1 => {}
            None => return Err(invalid("it has several models, and no way to combine them")),
        }
        let params =
            serde_json::from_str(&contents.params).map_err(|_| invalid("the parameters are not JSON"))?;
        let size_bytes = size_of::<Model>()
            + contents.members.iter().map(Member::size_bytes).sum::<usize>()
            + contents.combination.as_ref().map_or(0, Combination::size_bytes)
            + contents.rule.size_bytes()
            + contents.conformal.as_ref().map_or(0, Conformal::size_bytes)
            + contents.profile.len()
            + contents.fields.iter().map(|field| size_of::<Field>() + field.name.len()).sum::<usize>();
        let classes = Arc::new(Classes::new(contents.classes.clone(), contents.target.kind));
        Ok(Model { contents, classes, params, size_bytes })
    }

    /// What it is made of.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The columns that a table to predict must have. Columns that training dropped are not among them.
    pub fn fields(&self) -> &[Field] {
        &self.contents.fields
    }

    /// What is predicted.
    pub fn task(&self) -> Task {
        self.contents.task
    }

    /// The target's name.
    pub fn target(&self) -> &str {
        &self.contents.target.name
    }

    /// The target's kind, which says how a class looks in JSON.
    pub fn target_kind(&self) -> Kind {
        self.contents.target.kind
    }

    /// The classes' names, in the order of probabilities; empty for a regression.
    pub fn classes(&self) -> &[String] {
        self.classes.names()
    }

    /// The name of the estimator that was fitted.
    pub fn estimator(&self) -> &str {
        &self.contents.estimator
    }

    /// How a class is chosen of its probabilities.
    pub fn rule(&self) -> &Rule {
        &self.contents.rule
    }

    /// The estimator's parameters, as the trial had them.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// The version of the engine that trained it.
    pub fn engine_version(&self) -> &str {
        &self.contents.engine
    }

    /// What became of each input, and why; of models combined, once for each way in which it was prepared.
    pub fn preprocessing(&self) -> Vec<Decision> {
        let mut all: Vec<Decision> = Vec::new();
        for member in &self.contents.members {
            for decision in member.preprocessor.decisions(&self.contents.fields, &self.contents.classes) {
                if !all.contains(&decision) {
                    all.push(decision);
                }
            }
        }
        all
    }

    /// What the training data looked like: its inputs and its target. Decoded when asked for.
    ///
    /// # Errors
    /// [`ArtifactError::Invalid`].
    pub fn training_profile(&self) -> Result<Profile, ArtifactError> {
        serde_json::from_str(&self.contents.profile)
            .map_err(|_| ArtifactError::Invalid("the training profile cannot be read".into()))
    }

    /// About how many bytes the model takes in memory, for a cache to count.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Predicts every row of a table that has all of [`fields`](Model::fields), by name and with
    /// values of the same type; other columns are not looked at, and levels that training did not
    /// see are no error.
    ///
    /// # Errors
    /// The first column that is missing or of another kind.
    pub fn predict(&self, table: &Table) -> Result<Predictions, SchemaError> {
        let columns = self.columns(table)?;
        let rows: Vec<u32> = (0..table.rows as u32).collect();
        let mut answers: Vec<Vec<f64>> = Vec::with_capacity(self.contents.members.len());
        for member in &self.contents.members {
            answers.push(member.fitted.predict(&member.preprocessor.transform(&columns, &rows)));
        }
        let predicted = match &self.contents.combination {
            Some(combination) => {
                combination.apply(&answers, if self.classes().is_empty() { 1 } else { self.classes().len() })
            }
            None => answers.pop().unwrap_or_default(),
        };
        Ok(if self.contents.task.is_classification() {
            let labels = self.contents.rule.labels(&predicted, self.classes().len());
            Predictions::Classes { classes: Arc::clone(&self.classes), labels, probabilities: predicted }
        } else {
            Predictions::Numbers(predicted)
        })
    }

    /// The table's columns that are looked at, in the order of the fields.
    fn columns<'a>(&self, table: &'a Table) -> Result<Vec<&'a Column>, SchemaError> {
        let fields = self.contents.fields.iter().enumerate();
        fields.map(|(place, field)| find(table, place, field)).collect()
    }
}

/// The column of a field, which is usually at the field's place.
fn find<'a>(table: &'a Table, place: usize, field: &Field) -> Result<&'a Column, SchemaError> {
    let here = table.columns.get(place).filter(|column| column.name == field.name);
    let column = here.or_else(|| table.column(&field.name)).ok_or_else(|| SchemaError {
        column: field.name.clone(),
        detail: format!("the column '{}' is missing", field.name),
        remedy: format!("add a column '{}' of kind {}", field.name, field.kind.code()),
    })?;
    let same = matches!(
        (&column.values, field.kind),
        (Values::Number(_), Kind::Number | Kind::Integer)
            | (Values::Boolean(_), Kind::Boolean)
            | (Values::Time(_), Kind::Datetime)
            | (Values::Strings { .. }, Kind::Category | Kind::Text | Kind::Identifier)
    );
    if same && column.values.len() == table.rows {
        return Ok(column);
    }
    Err(SchemaError {
        column: field.name.clone(),
        detail: format!(
            "the column '{}' is of kind {}, and the model learned from {}",
            field.name,
            column.kind.code(),
            field.kind.code()
        ),
        remedy: format!("send values of kind {} in '{}'", field.kind.code(), field.name),
    })
}

#[cfg(test)]
mod tests;
