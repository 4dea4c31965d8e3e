# A wrong setting is refused at the plan, by name.

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

run "name_too_long" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "a-name-that-is-too-long"
  }
}

run "name_with_capitals" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "Fettle"
  }
}

run "name_that_ends_with_a_hyphen" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "fettle-"
  }
}

run "name_with_two_hyphens" {
  command         = plan
  expect_failures = [var.name]

  variables {
    name = "fet--tle"
  }
}

run "region_that_is_none" {
  command         = plan
  expect_failures = [var.region]

  variables {
    region = "Frankfurt"
  }
}

run "tags_of_amazon" {
  command         = plan
  expect_failures = [var.tags]

  variables {
    tags = { "aws:owner" = "me" }
  }
}

run "tags_that_are_set" {
  command         = plan
  expect_failures = [var.tags]

  variables {
    tags = { Application = "other" }
  }
}

run "architecture_that_is_none" {
  command         = plan
  expect_failures = [var.architecture]

  variables {
    architecture = "arm"
  }
}

run "packages_in_hexadecimal" {
  command         = plan
  expect_failures = [var.packages]

  variables {
    packages = { access = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
}

run "operations_file_that_is_not_there" {
  command         = plan
  expect_failures = [var.operations_file]

  variables {
    operations_file = "tests/fixtures/none.json"
  }
}

run "bucket_name_with_a_dot" {
  command         = plan
  expect_failures = [var.bucket_name]

  variables {
    bucket_name = "fettle.example"
  }
}

run "table_name_with_a_slash" {
  command         = plan
  expect_failures = [var.table_name]

  variables {
    table_name = "fettle/state"
  }
}

run "kms_key_by_its_alias" {
  command         = plan
  expect_failures = [var.kms_key_arn]

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:alias/fettle"
  }
}

run "uploads_for_no_day" {
  command         = plan
  expect_failures = [var.upload_days]

  variables {
    upload_days = 0
  }
}

run "old_versions_for_half_a_day" {
  command         = plan
  expect_failures = [var.old_version_days]

  variables {
    old_version_days = 0.5
  }
}

run "issuer_without_tls" {
  command         = plan
  expect_failures = [var.oidc]

  variables {
    oidc = { issuer = "http://login.example.com", audience = "fettle" }
  }
}

run "issuer_without_an_audience" {
  command         = plan
  expect_failures = [var.oidc]

  variables {
    oidc = { issuer = "https://login.example.com", audience = " " }
  }
}

run "cors_for_everybody" {
  command         = plan
  expect_failures = [var.cors_origins]

  variables {
    cors_origins = ["*"]
  }
}

run "cors_with_a_path" {
  command         = plan
  expect_failures = [var.cors_origins]

  variables {
    cors_origins = ["https://app.example.com/"]
  }
}

run "domain_with_a_scheme" {
  command         = plan
  expect_failures = [var.domain]

  variables {
    domain = { name = "https://fettle.example.com", zone_id = "Z0123456789ABC" }
  }
}

run "zone_by_its_name" {
  command         = plan
  expect_failures = [var.domain]

  variables {
    domain = { name = "fettle.example.com", zone_id = "example.com" }
  }
}

run "limit_of_nothing" {
  command         = plan
  expect_failures = [var.limits]

  variables {
    limits = { max_rows = 0 }
  }
}

run "throttle_of_everything" {
  command         = plan
  expect_failures = [var.throttle]

  variables {
    throttle = { rate = 0, burst = 100 }
  }
}

run "throttle_of_every_prediction" {
  command         = plan
  expect_failures = [var.predict_throttle]

  variables {
    predict_throttle = { rate = 100, burst = 0 }
  }
}

run "reserved_for_nothing" {
  command         = plan
  expect_failures = [var.reserved_concurrency]

  variables {
    reserved_concurrency = { "predict.rows" = 0 }
  }
}

run "reserved_for_an_unknown_operation" {
  command         = plan
  expect_failures = [var.reserved_concurrency]

  variables {
    reserved_concurrency = { "predict.columns" = 5 }
  }
}

run "one_message_at_once" {
  command         = plan
  expect_failures = [var.queue_concurrency]

  variables {
    queue_concurrency = { trial = 1 }
  }
}

run "unknown_queue" {
  command         = plan
  expect_failures = [var.queue_concurrency]

  variables {
    queue_concurrency = { trials = 10 }
  }
}

run "less_than_none_warm" {
  command         = plan
  expect_failures = [var.predict_provisioned]

  variables {
    predict_provisioned = -1
  }
}

run "log_level_with_a_space" {
  command         = plan
  expect_failures = [var.log_level]

  variables {
    log_level = "very much"
  }
}

run "logs_for_ever" {
  command         = plan
  expect_failures = [var.log_retention_days]

  variables {
    log_retention_days = 0
  }
}

run "alarms_to_no_address" {
  command         = plan
  expect_failures = [var.alarm_email]

  variables {
    alarm_email = "ops"
  }
}

run "alarms_of_some_functions" {
  command         = plan
  expect_failures = [var.alarm_functions]

  variables {
    alarm_functions = "some"
  }
}

run "predictions_in_no_time" {
  command         = plan
  expect_failures = [var.predict_p99_ms]

  variables {
    predict_p99_ms = 0
  }
}

run "messages_of_no_age" {
  command         = plan
  expect_failures = [var.queue_age_s]

  variables {
    queue_age_s = 5
  }
}

run "budget_of_nothing" {
  command         = plan
  expect_failures = [var.monthly_budget_usd]

  variables {
    monthly_budget_usd = 0
  }
}

run "every_setting_at_once" {
  command = plan

  variables {
    name                 = "team-7"
    tags                 = { CostCenter = "42" }
    architecture         = "x86_64"
    bucket_name          = "team-7-objects"
    table_name           = "team-7.restored"
    upload_days          = 2
    old_version_days     = 90
    limits               = { max_predict_rows = 500 }
    cors_origins         = ["https://app.example.com", "http://localhost:3000"]
    reserved_concurrency = { "tick.run" = 1 }
    queue_concurrency    = { trial = 200, ingest = 2 }
    log_level            = "info,fettle_backend=debug"
    log_retention_days   = 365
    tracing              = false
  }

  assert {
    condition = (
      module.function["tick.run"].name == "team-7-tick-run" &&
      module.function["tick.run"].described.architecture == "x86_64" &&
      module.function["tick.run"].described.reserved == 1 &&
      module.function["tick.run"].described.tracing == "PassThrough" &&
      module.function["tick.run"].log_group.days == 365 &&
      module.store.bucket == "team-7-objects" && module.store.table == "team-7.restored" &&
      local.environment["FETTLE_TABLE"] == "team-7.restored" &&
      module.queue["trial"].described.maximum_concurrency == 200
    )
    error_message = "Settings reach what they are for."
  }
}
