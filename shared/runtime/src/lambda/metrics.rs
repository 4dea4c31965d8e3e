//! What is measured of an invocation: a line of the log, and the embedded metric format.

use fettle_backend::app::App;
use jiff::Timestamp;
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;

/// An invocation under way.
pub(super) struct Invocation {
    app: Arc<App>,
    operation: &'static str,
    request_id: String,
    is_cold: bool,
    began: Timestamp,
}

impl Invocation {
    pub(super) fn begin(app: Arc<App>, operation: &'static str, request_id: String, is_cold: bool) -> Self {
        let began = app.now();
        Self { app, operation, request_id, is_cold, began }
    }

    /// Writes what was measured. A line that can not be written is no reason to fail.
    pub(super) fn end(self, failed: bool) {
        let Self { app, operation, request_id, is_cold, began } = self;
        let took = app.now().duration_since(began);
        let duration_ms = took.as_micros() as f64 / 1000.0;
        tracing::info!(operation, request_id, cold_start = is_cold, duration_ms, failed, "invocation");
        // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        let metrics = json!({
            "_aws": {
                "Timestamp": began.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": "Fettle",
                    // One series for all functions: each costs, and Lambda itself measures function by function.
                    "Dimensions": [[]],
                    "Metrics": [
                        { "Name": "duration_ms", "Unit": "Milliseconds" },
                        { "Name": "failed", "Unit": "Count" },
                        { "Name": "cold_start", "Unit": "Count" },
                    ],
                }],
            },
            "operation": operation,
            "request_id": request_id,
            "duration_ms": duration_ms,
            "failed": u8::from(failed),
            "cold_start": u8::from(is_cold),
        });
        let _ = writeln!(std::io::stdout().lock(), "{metrics}");
    }
}
