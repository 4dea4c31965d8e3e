//! Who may do what: the one table.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a member or a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything, keys included.
    Admin,
    /// May change data sets, runs, models and deployments.
    Editor,
    /// May look at everything but secrets and keys.
    Viewer,
    /// May only ask deployments for predictions.
    Predictor,
}

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing: open to anybody.
    Open,
    /// A call by the platform itself: no caller has it.
    Internal,
    /// See data sets, runs, models and deployments.
    Read,
    /// Change them.
    Write,
    /// Ask for predictions.
    Predict,
    /// Manage keys and members.
    Administer,
}

impl Role {
    /// All of them.
    pub const ALL: &[Role] = &[Role::Admin, Role::Editor, Role::Viewer, Role::Predictor];

    /// The table: whether the role grants the permission. What is not listed is denied.
    pub fn grants(self, permission: Permission) -> bool {
        matches!(
            (self, permission),
            (_, Permission::Open | Permission::Predict)
                | (Role::Admin | Role::Editor | Role::Viewer, Permission::Read)
                | (Role::Admin | Role::Editor, Permission::Write)
                | (Role::Admin, Permission::Administer)
        )
    }

    /// The name in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Editor => "editor",
            Role::Viewer => "viewer",
            Role::Predictor => "predictor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
