//! One try to write, as DynamoDB takes it.

use super::attributes::{
    BYTES, DOCUMENT, Document, EXPIRES_MICROS, NONCE, Nonce, OVERFLOW, VERSION, content, decimal, item, key,
};
use super::condition::{Assumed, Purpose, expression};
use super::failure::{Attributes, Refusal, refusal};
use super::table::{TIME_TO_LIVE, incomplete};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use fettle_backend::ports::{Condition, Key, Result};

/// A write whose value is a document already.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) key: Key,
    pub(super) condition: Condition,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) enum Change {
    Put { document: Document, expires: Option<i64> },
    Delete,
    None,
}

impl Prepared {
    /// The object that was written for it.
    pub(super) fn object(&self) -> Option<&str> {
        match &self.change {
            Change::Put { document, .. } => document.object(),
            Change::Delete | Change::None => None,
        }
    }
}

/// What all writes of a try have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) table: &'a str,
    pub(super) nonce: &'a Nonce,
    /// In microseconds since 1970.
    pub(super) now: i64,
}

/// A write as a part of a transaction. An item whose version is not known is updated, so that the
/// table counts; all else is replaced.
pub(super) fn action(write: &Prepared, assumed: &Assumed, context: Context<'_>) -> Result<TransactWriteItem> {
    let purpose = match write.change {
        Change::Put { .. } => Purpose::Put,
        Change::Delete => Purpose::Delete,
        Change::None => Purpose::Check,
    };
    let Context { table, nonce, now } = context;
    let (condition, mut values) = expression(write.condition, purpose, assumed, now, nonce);
    let action = TransactWriteItem::builder();
    let action = match (&write.change, write.condition) {
        (Change::Put { document, expires }, Condition::Any) if !assumed.expired => {
            let (update, updated) = update(document, *expires, nonce);
            values.extend(updated);
            let update = Update::builder()
                .table_name(table)
                .set_key(Some(key(&write.key)))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_values(given(values))
                .return_values_on_condition_check_failure(AllOld);
            action.update(update.build().map_err(incomplete)?)
        }
        (Change::Put { document, expires }, condition_of_port) => {
            let version = match condition_of_port {
                Condition::Version(version) => version.saturating_add(1),
                Condition::Any | Condition::Absent => 1,
            };
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(item(&write.key, version, document, *expires, nonce)))
                .condition_expression(condition)
                .set_expression_attribute_values(given(values))
                .return_values_on_condition_check_failure(AllOld);
            action.put(put.build().map_err(incomplete)?)
        }
        (Change::Delete, _) => {
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(key(&write.key)))
                .condition_expression(condition)
                .set_expression_attribute_values(given(values))
                .return_values_on_condition_check_failure(AllOld);
            action.delete(delete.build().map_err(incomplete)?)
        }
        (Change::None, _) => {
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key(&write.key)))
                .condition_expression(condition)
                .set_expression_attribute_values(given(values))
                .return_values_on_condition_check_failure(AllOld);
            action.condition_check(check.build().map_err(incomplete)?)
        }
    };
    Ok(action.build())
}

/// Sets all of an item's content and counts its version.
fn update(document: &Document, expires: Option<i64>, nonce: &Nonce) -> (String, Attributes) {
    let content = content(document, expires, nonce);
    let unset: Vec<_> = [NONCE, DOCUMENT, OVERFLOW, BYTES, EXPIRES_MICROS, TIME_TO_LIVE]
        .into_iter()
        .filter(|name| content.iter().all(|(set, _)| set != name))
        .collect();
    let set: Vec<_> = content.iter().map(|(name, _)| format!("{name} = :{name}")).collect();
    let text = format!(
        "SET {VERSION} = if_not_exists({VERSION}, :zero) + :one, {} REMOVE {}",
        set.join(", "),
        unset.join(", ")
    );
    let counting = [("zero", decimal(0)), ("one", decimal(1))];
    let values =
        content.into_iter().chain(counting).map(|(name, value)| (format!(":{name}"), value)).collect();
    (text, values)
}

/// DynamoDB refuses an empty list of values.
fn given(values: Attributes) -> Option<Attributes> {
    (!values.is_empty()).then_some(values)
}

/// Sends one write by itself, which costs half of a transaction, and several as a transaction. A
/// token names the transaction: under the same token it is carried out once.
pub(super) async fn send(
    client: &Client,
    mut actions: Vec<TransactWriteItem>,
    token: &str,
) -> std::result::Result<(), Refusal> {
    let alone = if actions.len() == 1 { actions.pop() } else { None };
    match alone {
        Some(TransactWriteItem { put: Some(put), .. }) => client
            .put_item()
            .table_name(put.table_name)
            .set_item(Some(put.item))
            .set_condition_expression(put.condition_expression)
            .set_expression_attribute_values(put.expression_attribute_values)
            .set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure)
            .send()
            .await
            .map(drop)
            .map_err(refusal),
        Some(TransactWriteItem { update: Some(update), .. }) => client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_values(update.expression_attribute_values)
            .set_return_values_on_condition_check_failure(update.return_values_on_condition_check_failure)
            .send()
            .await
            .map(drop)
            .map_err(refusal),
        Some(TransactWriteItem { delete: Some(delete), .. }) => client
            .delete_item()
            .table_name(delete.table_name)
            .set_key(Some(delete.key))
            .set_condition_expression(delete.condition_expression)
            .set_expression_attribute_values(delete.expression_attribute_values)
            .set_return_values_on_condition_check_failure(delete.return_values_on_condition_check_failure)
            .send()
            .await
            .map(drop)
            .map_err(refusal),
        check => client
            .transact_write_items()
            .set_transact_items(Some(actions.into_iter().chain(check).collect()))
            .client_request_token(token)
            .send()
            .await
            .map(drop)
            .map_err(refusal),
    }
}
