# A wrong setting is refused at the plan, by name. Each variable that a run expects to fail must: one that
# is taken fails the run.

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

run "wrong" {
  command = plan

  expect_failures = [
    var.name,
    var.region,
    var.tags,
    var.architecture,
    var.packages,
    var.operations_file,
    var.bucket_name,
    var.table_name,
    var.kms_key_arn,
    var.upload_days,
    var.old_version_days,
    var.oidc,
    var.cors_origins,
    var.domain,
    var.limits,
    var.throttle,
    var.predict_throttle,
    var.predict_provisioned,
    var.log_level,
    var.log_retention_days,
    var.alarm_email,
    var.alarm_functions,
    var.predict_p99_ms,
    var.queue_age_s,
    var.monthly_budget_usd,
  ]

  variables {
    name                = "a-name-that-is-too-long"                                                       # name too long
    region              = "Frankfurt"                                                                     # region that is none
    tags                = { "aws:owner" = "me" }                                                          # tags of amazon
    architecture        = "arm"                                                                           # architecture that is none
    packages            = { access = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" } # packages in hexadecimal
    operations_file     = "tests/fixtures/none.json"                                                      # operations file that is not there
    bucket_name         = "fettle.example"                                                                # bucket name with a dot
    table_name          = "fettle/state"                                                                  # table name with a slash
    kms_key_arn         = "arn:aws:kms:eu-central-1:123456789012:alias/fettle"                            # kms key by its alias
    upload_days         = 0                                                                               # uploads for no day
    old_version_days    = 0.5                                                                             # old versions for half a day
    oidc                = { issuer = "http://login.example.com", audience = "fettle" }                    # issuer without tls
    cors_origins        = ["*"]                                                                           # cors for everybody
    domain              = { name = "https://fettle.example.com", zone_id = "Z0123456789ABC" }             # domain with a scheme
    limits              = { max_rows = 0 }                                                                # limit of nothing
    throttle            = { rate = 0, burst = 100 }                                                       # throttle of everything
    predict_throttle    = { rate = 100, burst = 0 }                                                       # throttle of every prediction
    predict_provisioned = -1                                                                              # less than none warm
    log_level           = "very much"                                                                     # log level with a space
    log_retention_days  = 0                                                                               # logs for ever
    alarm_email         = "ops"                                                                           # alarms to no address
    alarm_functions     = "some"                                                                          # alarms of some functions
    predict_p99_ms      = 0                                                                               # predictions in no time
    queue_age_s         = 5                                                                               # messages of no age
    monthly_budget_usd  = 0                                                                               # budget of nothing
  }
}

run "wrong_in_another_way" {
  command = plan

  expect_failures = [
    var.name,
    var.tags,
    var.oidc,
    var.cors_origins,
    var.domain,
  ]

  variables {
    name         = "Fettle"                                                 # name with capitals
    tags         = { Application = "other" }                                # tags that are set
    oidc         = { issuer = "https://login.example.com", audience = " " } # issuer without an audience
    cors_origins = ["https://app.example.com/"]                             # cors with a path
    domain       = { name = "fettle.example.com", zone_id = "example.com" } # zone by its name
  }
}

run "wrong_in_a_third_way" {
  command = plan

  expect_failures = [
    var.name,
    var.oidc,
  ]

  variables {
    name = "fettle-"                                                                                    # name that ends with a hyphen
    oidc = { issuer = "https://login.example.com", audience = "fettle", roles = { ml-team = "owner" } } # role that is none
  }
}

run "wrong_in_a_fourth_way" {
  command = plan

  expect_failures = [
    var.name,
  ]

  variables {
    name = "fet--tle" # name with two hyphens
  }
}

run "concurrency_that_is_refused" {
  command = plan

  expect_failures = [
    var.reserved_concurrency,
    var.queue_concurrency,
  ]

  variables {
    reserved_concurrency = { "predict.rows" = 0 } # reserved for nothing
    queue_concurrency    = { trial = 1 }          # one message at once
  }
}

run "concurrency_of_what_is_not_there" {
  command = plan

  expect_failures = [
    var.reserved_concurrency,
    var.queue_concurrency,
  ]

  variables {
    reserved_concurrency = { "predict.columns" = 5 } # reserved for an unknown operation
    queue_concurrency    = { trials = 10 }           # unknown queue
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
