# Two pages that say how the platform does: what is asked and run; what waits and is kept. Three dashboards of
# up to 50 metrics each are free: these name their metrics, of the functions that have alarms, since a search
# finds as many as there are.

locals {
  function_metrics = {
    for metric, statistic in { Invocations = "Sum", Errors = "Sum", Throttles = "Sum", Duration = "p99" } :
    metric => [for name in local.watched : ["AWS/Lambda", metric, "FunctionName", module.function[name].name, { stat = statistic, label = name }]]
  }

  calls = [
    [
      { title = "Requests, and those refused or failed", metrics = [for metric in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", metric, "ApiId", module.api.id, { stat = "Sum" }]] },
      { title = "The API's time to answer, ms", metrics = [for stat in ["p50", "p99"] : ["AWS/ApiGateway", "Latency", "ApiId", module.api.id, { stat = stat, label = stat }]] },
      { title = "Predictions: time to answer, ms", metrics = concat([], [for name in local.predict_answer : [for stat in ["p50"] : ["AWS/Lambda", "Duration", "FunctionName", module.function[name].name, { stat = stat, label = "${name} ${stat}" }]]]...) },
    ],
    [
      { title = "Functions: calls", metrics = local.function_metrics["Invocations"] },
      { title = "Functions: errors", metrics = local.function_metrics["Errors"] },
      { title = "Functions: throttled", metrics = local.function_metrics["Throttles"] },
    ],
    [
      { title = "Functions: time, p99, ms", metrics = local.function_metrics["Duration"] },
    ],
  ]

  kept = [
    [
      { title = "Queues: waiting and worked on", metrics = concat([], [for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] : [for queue in keys(local.queues) : ["AWS/SQS", metric, "QueueName", module.queue[queue].name, { stat = "Maximum" }]]]...) },
      { title = "Queues: age of the oldest message, s", metrics = [for queue in keys(local.queues) : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", module.queue[queue].name, { stat = "Maximum" }]] },
      { title = "Dead letters", metrics = [for queue in keys(local.queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", module.queue[queue].dead_name, { stat = "Maximum" }]] },
    ],
    [
      { title = "Table: units used", metrics = [for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] : ["AWS/DynamoDB", metric, "TableName", module.store.table, { stat = "Sum" }]] },
      { title = "Bucket: bytes", metrics = [["AWS/S3", "BucketSizeBytes", "BucketName", module.store.bucket, "StorageType", "StandardStorage", { stat = "Average", period = 86400 }]] },
    ],
  ]

  dashboards = { for name, rows in { (var.name) = local.calls, "${var.name}-queues" = local.kept } :
    name => jsonencode({
      widgets = flatten([
        for y, row in rows : [
          for x, widget in row : {
            type   = "metric"
            x      = 8 * x
            y      = 6 * y
            width  = 8
            height = 6
            properties = {
              title   = widget.title
              region  = var.region
              view    = "timeSeries"
              period  = 300
              metrics = widget.metrics
            }
          }
        ]
      ])
    })
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = local.dashboards[var.name]
}

resource "aws_cloudwatch_dashboard" "queues" {
  dashboard_name = "${var.name}-queues"
  dashboard_body = local.dashboards["${var.name}-queues"]
}
