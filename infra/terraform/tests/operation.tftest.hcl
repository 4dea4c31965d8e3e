# Queues, limits, alarms and addresses.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  region = "eu-central-1"
  packages = {
    for package in distinct([for operation in jsondecode(file("operations.json")) : operation.package]) :
    package => base64sha256(package)
  }
}

run "queues" {
  command = plan

  assert {
    condition     = alltrue([for name, queue in module.queue : queue.name == "fettle-${name}" && queue.dead_name == "fettle-${name}-dead"])
    error_message = "Every queue has its dead letters, by the names that the program knows."
  }

  assert {
    condition = alltrue([
      for operation in local.registry : (
        module.queue[operation.entry.queue].described.visibility_s >= 6 * operation.timeout_s &&
        module.queue[operation.entry.queue].described.visibility_s <= 43200
      ) if can(operation.entry.queue)
    ])
    error_message = "A message is hidden for six times as long as its function may take, and no longer than SQS can."
  }

  assert {
    condition = alltrue([
      for queue in values(module.queue) :
      queue.described.dead_retention_s == 1209600 && queue.described.dead_retention_s > queue.described.retention_s && alltrue(queue.described.encrypted) && length(queue.described.encrypted) == 2
    ])
    error_message = "Messages are encrypted, and dead ones kept for longest."
  }

  assert {
    condition = alltrue([
      for name, queue in module.queue :
      jsondecode(queue.described.redrive) == { deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:fettle-${name}-dead", maxReceiveCount = 5 } &&
      jsondecode(queue.described.redrive_allow) == { redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:eu-central-1:123456789012:fettle-${name}"] }
    ])
    error_message = "A message is a dead letter after the five deliveries that the program counts on."
  }

  assert {
    condition     = alltrue([for queue in values(module.queue) : queue.described.responses == toset(["ReportBatchItemFailures"])])
    error_message = "Of a batch only what failed comes again."
  }

  assert {
    condition = module.queue["trial"].described.batch_size == 1 && alltrue([
      for operation in local.registry :
      module.queue[operation.entry.queue].described.batch_size == (operation.timeout_s > 60 ? 1 : 10) if can(operation.entry.queue)
    ])
    error_message = "Long work comes alone."
  }

  assert {
    condition     = module.queue["trial"].described.maximum_concurrency == 50 && module.queue["ingest"].described.maximum_concurrency == 10
    error_message = "So many at once as queue_concurrency says, 10 by default."
  }

  assert {
    condition = alltrue(flatten([
      for queue in values(module.queue) : [
        for policy in [queue.described.policy, queue.described.dead_policy] :
        [for statement in jsondecode(policy).Statement : statement.Condition.Bool["aws:SecureTransport"] if statement.Effect == "Deny"] == ["false"]
      ]
    ]))
    error_message = "Queues are reached by TLS only."
  }

  assert {
    condition = [
      for name, queue in module.queue : { (name) = [for statement in jsondecode(queue.described.policy).Statement : statement if statement.Effect == "Allow"] }
      if length([for statement in jsondecode(queue.described.policy).Statement : statement if statement.Effect == "Allow"]) > 0
      ] == [{
        ingest = [{
          Sid       = "Uploads"
          Effect    = "Allow"
          Principal = { Service = "s3.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = "arn:aws:sqs:eu-central-1:123456789012:fettle-ingest"
          Condition = {
            ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::fettle-123456789012-eu-central-1" }
            StringEquals = { "aws:SourceAccount" = "123456789012" }
          }
        }]
    }]
    error_message = "S3 may tell the ingest queue of this bucket's uploads, and nobody else may send by a queue's policy."
  }

  assert {
    condition = (
      one(aws_s3_bucket_notification.uploads.queue).filter_prefix == "uploads/" &&
      one(aws_s3_bucket_notification.uploads.queue).events == toset(["s3:ObjectCreated:*"])
    )
    error_message = "S3 tells of what is uploaded, and of nothing else."
  }
}

run "alarms" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for metric in ["dead-letters", "age"] : contains(keys(aws_cloudwatch_metric_alarm.this), "${metric}-${operation.entry.queue}")
      ] if can(operation.entry.queue)
    ]))
    error_message = "Dead letters and old messages of every queue are told of."
  }

  assert {
    condition = alltrue([
      for name, queue in module.queue :
      aws_cloudwatch_metric_alarm.this["dead-letters-${name}"].dimensions == tomap({ QueueName = queue.dead_name }) &&
      aws_cloudwatch_metric_alarm.this["dead-letters-${name}"].threshold == 0 &&
      aws_cloudwatch_metric_alarm.this["age-${name}"].dimensions == tomap({ QueueName = queue.name })
    ])
    error_message = "The first dead letter is told of."
  }

  assert {
    condition = alltrue(flatten([
      for operation in local.registry : [
        for metric in ["errors", "throttles"] : contains(keys(aws_cloudwatch_metric_alarm.this), "${metric}-${replace(operation.name, ".", "-")}")
      ] if !can(operation.entry.http) && operation.entry != "operator"
    ]))
    error_message = "Errors and throttles of functions whose callers are not told are."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["p99-predict-rows"].extended_statistic == "p99" &&
      aws_cloudwatch_metric_alarm.this["p99-predict-rows"].threshold == 2000 &&
      aws_cloudwatch_metric_alarm.this["p99-predict-rows"].dimensions == tomap({ FunctionName = "fettle-predict-rows" }) &&
      aws_cloudwatch_metric_alarm.this["api-5xx"].metric_name == "5xx" &&
      aws_cloudwatch_metric_alarm.clock["tick.run"].treat_missing_data == "breaching"
    )
    error_message = "Slow predictions, the API's faults and a clock that stopped are told of."
  }

  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.this) : (alarm.statistic == null) != (alarm.extended_statistic == null)])
    error_message = "Each alarm has one statistic."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.alarms) == 0 && length(aws_budgets_budget.monthly) == 0
    error_message = "Nobody is written to who is not named."
  }
}

run "alarms_of_all_functions" {
  command = plan

  variables {
    alarm_functions    = "all"
    alarm_email        = "ops@example.com"
    monthly_budget_usd = 25
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      contains(keys(aws_cloudwatch_metric_alarm.this), "errors-${replace(operation.name, ".", "-")}") && contains(keys(aws_cloudwatch_metric_alarm.this), "throttles-${replace(operation.name, ".", "-")}")
    ])
    error_message = "Every function has its alarms."
  }

  assert {
    condition     = aws_sns_topic_subscription.alarms[0].endpoint == "ops@example.com" && aws_sns_topic_subscription.alarms[0].protocol == "email"
    error_message = "The address is told of alarms."
  }

  assert {
    condition = (
      aws_budgets_budget.monthly[0].limit_amount == "25" && aws_budgets_budget.monthly[0].limit_unit == "USD" &&
      toset([for notification in aws_budgets_budget.monthly[0].notification : "${notification.notification_type} ${notification.threshold}"]) == toset(["ACTUAL 80", "ACTUAL 100", "FORECASTED 100"]) &&
      alltrue([for notification in aws_budgets_budget.monthly[0].notification : notification.subscriber_email_addresses == toset(["ops@example.com"])])
    )
    error_message = "The address is told of spending."
  }
}

run "dashboard" {
  command = apply

  assert {
    condition     = length(flatten([for body in [aws_cloudwatch_dashboard.this.dashboard_body, aws_cloudwatch_dashboard.queues.dashboard_body] : jsondecode(body).widgets])) == 12
    error_message = "The dashboards show twelve things."
  }

  assert {
    condition     = alltrue([for widget in flatten([for body in [aws_cloudwatch_dashboard.this.dashboard_body, aws_cloudwatch_dashboard.queues.dashboard_body] : jsondecode(body).widgets]) : length(widget.properties.metrics) > 0])
    error_message = "Every widget shows something."
  }

  assert {
    condition     = alltrue([for body in [aws_cloudwatch_dashboard.this.dashboard_body, aws_cloudwatch_dashboard.queues.dashboard_body] : sum([for widget in jsondecode(body).widgets : length(widget.properties.metrics)]) <= 50])
    error_message = "A dashboard of more than 50 metrics is not free."
  }

  assert {
    condition     = alltrue([for name in keys(module.queue) : strcontains(aws_cloudwatch_dashboard.queues.dashboard_body, "\"fettle-${name}-dead\"")])
    error_message = "Every queue's dead letters are on a dashboard."
  }
}

run "api" {
  command = plan

  assert {
    condition     = module.api.described.throttle.rate == 50 && module.api.described.throttle.burst == 100
    error_message = "The API is throttled."
  }

  assert {
    condition = module.api.described.throttle.routes == {
      for operation in local.registry : "${operation.entry.http.method} ${operation.entry.http.path}" => 200 if operation.permission == "predict"
    } && length(module.api.described.throttle.routes) > 0
    error_message = "Predictions are throttled apart."
  }

  assert {
    condition     = length(module.api.described.cors) == 0 && module.api.described.aws_address && module.api.described.domains == []
    error_message = "No page may call the API by default, at the address that AWS gives."
  }

  assert {
    condition = (
      jsondecode(module.api.described.access_log).status == "$context.status" &&
      !strcontains(lower(module.api.described.access_log), "authorization") &&
      !can(regex("path|query", lower(module.api.described.access_log))) &&
      module.api.described.log_days == 30
    )
    error_message = "The access log is JSON with an end, and has no header, path or query."
  }
}

run "address_of_ones_own" {
  command = plan

  variables {
    domain       = { name = "fettle.example.com", zone_id = "Z0123456789ABC" }
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition     = module.api.described.domains == ["fettle.example.com"] && !module.api.described.aws_address && output.api_url == "https://fettle.example.com"
    error_message = "The API is at its own address, and not at AWS's too."
  }

  assert {
    condition     = module.api.described.cors == toset(["https://app.example.com"])
    error_message = "Pages of named origins may call the API."
  }
}

run "warm_predictions" {
  command = plan

  variables {
    predict_provisioned  = 2
    reserved_concurrency = { "predict.rows" = 20 }
  }

  assert {
    condition = (
      { for name, function in module.function : name => function.described.warm if function.described.warm != null } == { "predict.rows" = 2 } &&
      module.function["predict.rows"].described.reserved == 20
    )
    error_message = "Predictions are kept warm, and have what is reserved for them."
  }

  assert {
    condition     = module.api.described.routes["POST /v1/deployments/{deployment}/predict"].qualifier == "warm" && module.api.described.routes["GET /v1/runs"].qualifier == null
    error_message = "Requests reach the instances that are kept warm."
  }
}

run "own_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = (
      aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn && aws_sns_topic.events.kms_master_key_id == var.kms_key_arn &&
      alltrue([for queue in values(module.queue) : queue.described.kms_keys == [var.kms_key_arn, var.kms_key_arn]])
    )
    error_message = "Topics and queues are encrypted with the operator's key."
  }
}
