//! `fettle queues`: what waits, what was given up, and putting that back.

use super::Session;
use crate::api::{DeadLetter, Page, Queue, Redriven};
use crate::client::route;
use crate::failure::Result;
use crate::output::{self, GOOD, styled};
use crate::tables;
use clap::Subcommand;
use comfy_table::Cell;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum Queues {
    /// List the queues: how much waits, and what was given up
    #[command(visible_alias = "ls")]
    List,
    /// Look at messages that were given up, oldest first
    Dead {
        /// The queue's name
        queue: String,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=20))]
        limit: u8,
    },
    /// Put the messages that were given up back on their queue
    Redrive {
        /// The queue's name
        queue: String,
    },
}

impl Queues {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        match self {
            Queues::List => {
                let reply = session.client.get(route(&["queues"]))?;
                session.show(&reply, || {
                    let mut lines = tables::table(&["queue", "waiting", "given up"]);
                    for queue in reply.read::<Page<Queue>>()?.items {
                        let more = if queue.more_dead_letters { "+" } else { "" };
                        let dead = format!("{}{more}", tables::count(queue.dead_letters));
                        let waiting = tables::right(tables::count(queue.depth));
                        lines.add_row([Cell::new(&queue.name), waiting, tables::right(dead)]);
                    }
                    Ok(tables::text(&lines))
                })
            }
            Queues::Dead { queue, limit } => {
                let path = ["queues", queue, "dead-letters"];
                let limit = limit.to_string();
                let reply = session.client.get(route(&path).query(&[("limit", &limit)]))?;
                session.show(&reply, || {
                    let mut lines = tables::table(&["id", "attempts", "body"]);
                    for letter in reply.read::<Page<DeadLetter>>()?.items {
                        let body = tables::value(&letter.body);
                        lines.add_row([
                            Cell::new(&letter.id),
                            tables::right(letter.attempts),
                            Cell::new(body),
                        ]);
                    }
                    Ok(tables::text(&lines))
                })
            }
            Queues::Redrive { queue } => {
                let reply = session.client.post(route(&["queues", queue, "redrive"]), &json!({}))?;
                if session.json {
                    return output::raw(&reply.0);
                }
                let Redriven { redriven } = reply.read()?;
                let count = tables::count(redriven);
                output::note(&format!("{} {count} messages on queue {queue} again", styled(GOOD, "put")));
                Ok(())
            }
        }
    }
}
