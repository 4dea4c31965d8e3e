//! `fettle keys`: the keys that the API takes.

use super::Session;
use crate::api::{Key, Page};
use crate::client::route;
use crate::failure::Result;
use crate::output::{self, GOOD, styled};
use crate::tables;
use clap::{Subcommand, ValueEnum};
use comfy_table::Cell;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// List the keys, without their secrets
    #[command(visible_alias = "ls")]
    List,
    /// Make a key worthless at once
    Revoke {
        /// The key's id, as `keys list` shows it
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// Everything, keys included
    Admin,
    /// Change data sets, runs, models and deployments
    Editor,
    /// Look at everything but keys
    Viewer,
    /// Only ask for predictions
    Predictor,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Editor => "editor",
            Role::Viewer => "viewer",
            Role::Predictor => "predictor",
        }
    }
}

impl Keys {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        match self {
            Keys::Create { name, role } => {
                let body = json!({ "name": name, "role": role.name() });
                let reply = session.client.post(route(&["keys"]), &body)?;
                if session.json {
                    return output::raw(&reply.0);
                }
                let key: Key = reply.read()?;
                output::note(&format!("key `{}` ({}) made; it is shown this once:", key.name, key.role));
                output::line(key.key.as_deref().unwrap_or_default())
            }
            Keys::List => {
                let reply = session.client.list(&["keys"])?;
                session.show(&reply, || {
                    let mut list: Page<Key> = reply.read()?;
                    // The zone's letter would sort after a fraction's digits.
                    list.items.sort_by(|a, b| {
                        a.created_at.trim_end_matches('Z').cmp(b.created_at.trim_end_matches('Z'))
                    });
                    let mut lines = tables::table(&["id", "name", "role", "made"]);
                    for key in &list.items {
                        let made = tables::when(&key.created_at);
                        lines.add_row([&key.id, &key.name, &key.role, &made].map(Cell::new));
                    }
                    Ok(tables::text(&lines))
                })
            }
            Keys::Revoke { id } => {
                session.client.delete(route(&["keys", id]))?;
                output::note(&format!("{} key {id}", styled(GOOD, "revoked")));
                Ok(())
            }
        }
    }
}
