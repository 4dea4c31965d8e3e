//! `fettle secrets`: values that are written and never shown again.

use super::Session;
use crate::api::{Page, Rotation, Secret};
use crate::client::route;
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, GOOD, styled};
use crate::progress;
use crate::tables;
use clap::Subcommand;
use comfy_table::{Cell, Color};
use console::Term;
use serde_json::json;
use std::io::{self, IsTerminal, Read};

/// More than the API takes, so that it is the API that says what the limit is.
const MOST_READ: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Write a secret, new or in place of the one before
    ///
    /// The value is read from stdin, where one newline at its end is taken off, or is asked for without
    /// being shown. It is never an argument: other users of a machine see those.
    Set {
        /// The secret's name
        name: String,
        /// What it is for, such as webhook or postgres
        #[arg(long)]
        kind: Option<String>,
    },
    /// List the secrets, without their values
    #[command(visible_alias = "ls")]
    List,
    /// Look at a secret, without its value
    Show {
        /// The secret's name
        name: String,
    },
    /// Delete a secret
    #[command(visible_alias = "rm")]
    Delete {
        /// The secret's name
        name: String,
    },
    /// Seal every value again by the key ring's first key
    ///
    /// To replace the key: put a new one on top of the key ring, wait a minute, rotate, and only when
    /// that has succeeded take the old one away. It may be stopped and begun again at any time.
    Rotate,
}

impl Secrets {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        match self {
            Secrets::Set { name, kind } => {
                let body = match kind {
                    Some(kind) => json!({ "value": value(name)?, "kind": kind }),
                    None => json!({ "value": value(name)? }),
                };
                let reply = session.client.put(route(&["secrets", name]), &body)?;
                if session.json {
                    return output::raw(&reply.0);
                }
                let secret: Secret = reply.read()?;
                output::note(&format!("{} secret `{}`", styled(GOOD, "wrote"), secret.name));
                Ok(())
            }
            Secrets::List => {
                let reply = session.client.list(&["secrets"])?;
                session.show(&reply, || Ok(table(&reply.read::<Page<Secret>>()?.items)))
            }
            Secrets::Show { name } => {
                let reply = session.client.get(route(&["secrets", name]))?;
                session.show(&reply, || {
                    let secret: Secret = reply.read()?;
                    let remedy = secret.remedy.as_ref().map(|remedy| format!("\n\nhelp: {remedy}"));
                    Ok(table(&[secret]) + &remedy.unwrap_or_default())
                })
            }
            Secrets::Delete { name } => {
                session.client.delete(route(&["secrets", name]))?;
                output::note(&format!("{} secret `{name}`", styled(GOOD, "deleted")));
                Ok(())
            }
            Secrets::Rotate => rotate(session),
        }
    }
}

/// The value, from whoever is asked or whatever is piped in.
fn value(name: &str) -> Result<String> {
    let value = if io::stdin().is_terminal() {
        let terminal = Term::stderr();
        let asked = terminal.write_str(&format!("value of `{name}` (not shown): "));
        asked.and_then(|()| terminal.read_secure_line()).map_err(|error| {
            Failure::new(Exit::Usage, format!("the value can not be asked for: {error}"))
                .remedy("pipe it in, as in: fettle secrets set NAME < FILE")
        })?
    } else {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(MOST_READ).read_to_end(&mut bytes);
        read.map_err(|error| Failure::failed(format!("stdin can not be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Failure::new(Exit::Usage, "the value is not UTF-8 text").remedy("encode it, as with base64")
        })?;
        text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text).to_owned()
    };
    if value.is_empty() {
        return Err(Failure::new(Exit::Usage, "the value is empty")
            .remedy("pipe it in, as in: fettle secrets set NAME < FILE"));
    }
    Ok(value)
}

fn table(secrets: &[Secret]) -> String {
    let mut lines = tables::table(&["name", "kind", "value", "opens", "written"]);
    for secret in secrets {
        let shown = secret.last_four.as_ref().map_or_else(|| "…".to_owned(), |last| format!("…{last}"));
        let opens = if secret.readable { Cell::new("yes") } else { Cell::new("no").fg(Color::DarkRed) };
        lines.add_row([
            Cell::new(&secret.name),
            Cell::new(secret.kind.as_deref().unwrap_or_default()),
            Cell::new(shown),
            opens,
            Cell::new(tables::when(&secret.updated_at)),
        ]);
    }
    tables::text(&lines)
}

fn rotate(session: &Session) -> Result<()> {
    let mut all = Rotation::default();
    let spinner = progress::spinner("sealing values again");
    loop {
        let mut query = vec![("limit", "50")];
        query.extend(all.next_cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let reply = session.client.post(route(&["secrets", "rotate"]).query(&query), &json!({}))?;
        let part: Rotation = reply.read()?;
        all.rotated += part.rotated;
        all.already += part.already;
        all.unreadable.extend(part.unreadable);
        all.next_cursor = part.next_cursor;
        spinner.now(format!("sealed {} again, {} were before", all.rotated, all.already));
        if all.next_cursor.is_none() {
            break;
        }
    }
    drop(spinner);
    if session.json {
        let Rotation { rotated, already, unreadable, next_cursor } = &all;
        let whole = json!({ "rotated": rotated, "already": already, "unreadable": unreadable,
                            "next_cursor": next_cursor });
        output::raw(&whole.to_string())?;
    } else {
        let done = styled(GOOD, format!("sealed {} again", all.rotated));
        output::note(&format!("{done}; {} were sealed by the first key before", all.already));
    }
    if all.unreadable.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("{} do not open: {}", all.unreadable.len(), all.unreadable.join(", ")))
        .remedy("put the key that sealed them back into the key ring, below the first, and rotate again"))
}
