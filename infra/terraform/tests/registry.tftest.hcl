# Each operation of the registry has what it needs, and nothing else is there.

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

run "functions" {
  command = plan

  assert {
    condition     = length(local.registry) > 30 && toset(keys(module.function)) == toset([for operation in local.registry : operation.name])
    error_message = "Each operation has one function, and there is no other."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      module.function[operation.name].name == "fettle-${replace(operation.name, ".", "-")}"
    ])
    error_message = "A function is named for its operation."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      module.function[operation.name].described.handler == operation.name &&
      endswith(module.function[operation.name].described.package, "/dist/${operation.package}.zip") &&
      module.function[operation.name].described.hash == base64sha256(operation.package)
    ])
    error_message = "A function runs an operation that its package exports, from that package's zip."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      module.function[operation.name].described.memory_mb == operation.memory_mb &&
      module.function[operation.name].described.timeout_s == operation.timeout_s
    ])
    error_message = "Memory and time are those of the registry."
  }

  assert {
    condition = alltrue([
      for function in values(module.function) :
      function.described.runtime == "provided.al2023" && function.described.architecture == "arm64" && function.described.tracing == "Active" && function.described.reserved == -1
    ])
    error_message = "Functions are traced Rust on arm64, with no concurrency reserved."
  }

  assert {
    condition     = length(distinct([for function in values(module.function) : function.role])) == length(local.registry)
    error_message = "Each function has a role of its own."
  }

  assert {
    condition = alltrue([
      for function in values(module.function) :
      function.log_group.name == "/aws/lambda/${function.name}" && function.described.log == function.log_group.name && function.log_group.days == 30
    ])
    error_message = "Each function has a log group of its own that it writes to, with an end."
  }
}

run "environment" {
  command = plan

  assert {
    condition     = length(distinct([for function in values(module.function) : jsonencode(function.described.environment)])) == 1
    error_message = "All functions have one environment."
  }

  assert {
    condition = module.function["datasets.create"].described.environment == tomap({
      FETTLE_ENV        = "production"
      FETTLE_STORAGE    = "s3"
      FETTLE_BUCKET     = "fettle-123456789012-eu-central-1"
      FETTLE_DATABASE   = "dynamodb"
      FETTLE_TABLE      = "fettle"
      FETTLE_QUEUE      = "sqs"
      FETTLE_QUEUE_BASE = "https://sqs.eu-central-1.amazonaws.com/123456789012/fettle-"
      FETTLE_COMPUTE    = "lambda"
      FETTLE_SECRETS    = "secretsmanager"
      FETTLE_SECRET_ID  = "fettle/keys"
      FETTLE_NOTIFIER   = "sns"
      FETTLE_TOPIC_ARN  = "arn:aws:sns:eu-central-1:123456789012:fettle-events"
      FETTLE_AUTH       = "keys"
      FETTLE_LOG        = "info"
      FETTLE_LOG_FORMAT = "json"
    })
    error_message = "The environment is the program's settings and no more."
  }

  assert {
    condition = (
      module.store.bucket == module.function["datasets.create"].described.environment["FETTLE_BUCKET"] &&
      module.store.table == module.function["datasets.create"].described.environment["FETTLE_TABLE"] &&
      module.store.secret == module.function["datasets.create"].described.environment["FETTLE_SECRET_ID"] &&
      endswith(module.function["datasets.create"].described.environment["FETTLE_TOPIC_ARN"], ":${aws_sns_topic.events.name}") &&
      alltrue([for name, queue in module.queue : endswith("${module.function["datasets.create"].described.environment["FETTLE_QUEUE_BASE"]}${name}", "/${queue.name}")])
    )
    error_message = "The settings name what is made."
  }
}

run "settings_of_an_issuer_and_limits" {
  command = plan

  variables {
    oidc   = { issuer = "https://login.example.com/realm", audience = "fettle", role_claim = "groups", roles = { ml-team = "editor", ops = "admin" } }
    limits = { max_rows = 1000000, max_upload_bytes = 5368709120 }
  }

  assert {
    condition = (
      local.environment["FETTLE_AUTH"] == "oidc" &&
      local.environment["FETTLE_OIDC_ISSUER"] == "https://login.example.com/realm" &&
      local.environment["FETTLE_OIDC_AUDIENCE"] == "fettle" &&
      local.environment["FETTLE_OIDC_ROLE_CLAIM"] == "groups" &&
      local.environment["FETTLE_OIDC_ROLES"] == "ml-team=editor,ops=admin" &&
      !contains(keys(local.environment), "FETTLE_OIDC_WORKSPACE_CLAIM")
    )
    error_message = "An issuer's tokens are taken."
  }

  assert {
    condition     = local.environment["FETTLE_MAX_ROWS"] == "1000000" && local.environment["FETTLE_MAX_UPLOAD_BYTES"] == "5368709120" && !contains(keys(local.environment), "FETTLE_MAX_COLUMNS")
    error_message = "Limits that are given are set in full digits, and no others."
  }
}

run "routes" {
  command = plan

  assert {
    condition = toset(keys(module.api.described.routes)) == toset([
      for operation in local.registry : "${operation.entry.http.method} ${operation.entry.http.path}" if can(operation.entry.http)
    ])
    error_message = "Each operation that requests call has its route, and there is no other."
  }

  assert {
    condition = alltrue([
      for operation in local.registry : (
        module.api.described.routes["${operation.entry.http.method} ${operation.entry.http.path}"].operation == operation.name &&
        module.api.described.routes["${operation.entry.http.method} ${operation.entry.http.path}"].function == module.function[operation.name].name
      ) if can(operation.entry.http)
    ])
    error_message = "A route calls its operation's function, and may."
  }

  assert {
    condition = alltrue([
      for operation in local.registry :
      module.api.described.routes["${operation.entry.http.method} ${operation.entry.http.path}"].authorization == (operation.permission == "open" ? "NONE" : "CUSTOM")
      if can(operation.entry.http)
    ])
    error_message = "Every route has the authorizer, but for those of open operations."
  }

  assert {
    condition     = alltrue([for route in values(module.api.described.routes) : route.payload == "2.0"])
    error_message = "Functions get payload format 2.0."
  }

  assert {
    condition = module.api.described.authorizer == {
      function = "fettle-authorize-request"
      type     = "REQUEST"
      payload  = "2.0"
      ttl_s    = 60
      simple   = true
      identity = toset(["$request.header.Authorization"])
    }
    error_message = "The authorizer is asked by the Authorization header, in format 2.0 with simple answers, once a minute."
  }
}

run "queues_and_clock" {
  command = plan

  assert {
    condition     = toset(keys(module.queue)) == toset([for operation in local.registry : operation.entry.queue if can(operation.entry.queue)])
    error_message = "Each operation that messages call has its queue and mapping, and there is no other."
  }

  assert {
    condition = toset(keys(aws_cloudwatch_event_rule.clock)) == toset([for operation in local.registry : operation.name if operation.entry == "clock"]) && alltrue([
      for name, rule in aws_cloudwatch_event_rule.clock :
      rule.schedule_expression == "rate(1 minute)" &&
      aws_cloudwatch_event_target.clock[name].rule == rule.name &&
      aws_lambda_permission.clock[name].function_name == module.function[name].name &&
      aws_lambda_permission.clock[name].principal == "events.amazonaws.com"
    ])
    error_message = "Each operation of the clock is called every minute, and may be."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.clock) > 0
    error_message = "There is a clock."
  }
}

run "registry_with_an_operator" {
  command = plan

  variables {
    operations_file   = "tests/fixtures/operator.json"
    queue_concurrency = {}
  }

  assert {
    condition     = output.first_admin_command == "aws lambda invoke --region eu-central-1 --function-name fettle-access-first-admin --cli-binary-format raw-in-base64-out --payload '{}' /dev/stdout"
    error_message = "The first admin's key is made by calling the function."
  }

  assert {
    condition     = !strcontains(jsonencode(module.api.described.routes), "access-first-admin") && !contains(keys(module.queue), "access.first-admin")
    error_message = "Nothing else calls the operation."
  }
}

run "registry_with_an_unknown_use" {
  command         = plan
  expect_failures = [terraform_data.registry]

  variables {
    operations_file   = "tests/fixtures/unknown-use.json"
    queue_concurrency = {}
  }
}

run "package_that_was_not_built" {
  command         = plan
  expect_failures = [terraform_data.registry]

  variables {
    packages = { access = base64sha256("access") }
  }
}

run "nothing_built" {
  command         = plan
  expect_failures = [terraform_data.registry]

  variables {
    packages    = null
    package_dir = "tests/fixtures/none"
  }
}

run "built_for_another_processor" {
  command         = plan
  expect_failures = [terraform_data.registry]

  variables {
    packages          = null
    package_dir       = "tests/fixtures/dist"
    architecture      = "x86_64"
    operations_file   = "tests/fixtures/operator.json"
    queue_concurrency = {}
  }
}

run "built" {
  command = plan

  variables {
    packages          = null
    package_dir       = "tests/fixtures/dist"
    operations_file   = "tests/fixtures/operator.json"
    queue_concurrency = {}
  }

  assert {
    condition     = module.function["ingest.file"].described.hash == base64sha256("ingest") && module.function["ingest.file"].described.package == "tests/fixtures/dist/ingest.zip"
    error_message = "The hash is that of the manifest."
  }
}
