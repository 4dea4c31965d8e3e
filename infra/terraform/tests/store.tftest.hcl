# What is kept can not be lost, read by others, or destroyed by mistake.

mock_provider "aws" {}

variables {
  table_name       = "fettle"
  bucket_name      = "fettle-objects"
  bucket_arn       = "arn:aws:s3:::fettle-objects"
  secret_name      = "fettle/keys"
  kms_key_arn      = null
  protect_data     = true
  upload_prefix    = "uploads/"
  upload_days      = 7
  old_version_days = 35
  cors_origins     = []
}

run "table" {
  command = plan

  module {
    source = "./modules/store"
  }

  assert {
    condition     = aws_dynamodb_table.state.point_in_time_recovery[0].enabled && aws_dynamodb_table.state.deletion_protection_enabled
    error_message = "The table can be brought back to any second, and refuses to be deleted."
  }

  assert {
    condition     = aws_dynamodb_table.state.server_side_encryption[0].enabled && aws_dynamodb_table.state.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table is encrypted, and paid for by request."
  }

  assert {
    condition     = one(aws_dynamodb_table.state.ttl).attribute_name == "expires" && one(aws_dynamodb_table.state.ttl).enabled
    error_message = "Items vanish at the time in `expires`."
  }

  assert {
    condition = (
      aws_dynamodb_table.state.hash_key == "pk" && aws_dynamodb_table.state.range_key == "sk" &&
      { for attribute in aws_dynamodb_table.state.attribute : attribute.name => attribute.type } == { pk = "S", sk = "B" }
    )
    error_message = "The keys are those of the program."
  }
}

run "bucket" {
  command = plan

  module {
    source = "./modules/store"
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.objects.block_public_acls &&
      aws_s3_bucket_public_access_block.objects.block_public_policy &&
      aws_s3_bucket_public_access_block.objects.ignore_public_acls &&
      aws_s3_bucket_public_access_block.objects.restrict_public_buckets &&
      aws_s3_bucket_ownership_controls.objects.rule[0].object_ownership == "BucketOwnerEnforced"
    )
    error_message = "The bucket is private, whatever an ACL or policy says."
  }

  assert {
    condition     = aws_s3_bucket_versioning.objects.versioning_configuration[0].status == "Enabled"
    error_message = "What is overwritten can be brought back."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.objects.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Objects are encrypted."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.objects.policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*" &&
      toset(statement.Resource) == toset(["arn:aws:s3:::fettle-objects", "arn:aws:s3:::fettle-objects/*"]) &&
      try(statement.Condition.Bool["aws:SecureTransport"], null) == "false"
    ]) && alltrue([for statement in jsondecode(aws_s3_bucket_policy.objects.policy).Statement : statement.Effect == "Deny"])
    error_message = "The bucket is reached by TLS only, and its policy lets nobody in."
  }

  assert {
    condition     = !aws_s3_bucket.objects.force_destroy
    error_message = "A bucket with objects is not destroyed."
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.objects) == 0
    error_message = "No page may upload by default."
  }

  assert {
    condition = (
      { for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : rule.id => rule.status } == {
        "unfinished-uploads" = "Enabled", "uploads-that-nobody-took" = "Enabled", "previews" = "Enabled", "old-versions" = "Enabled"
      } &&
      [for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : rule.abort_incomplete_multipart_upload[0].days_after_initiation if rule.id == "unfinished-uploads"] == [7] &&
      [for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : rule.noncurrent_version_expiration[0].noncurrent_days if rule.id == "old-versions"] == [35] &&
      [for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : "${rule.filter[0].prefix} ${rule.expiration[0].days}" if rule.id == "uploads-that-nobody-took"] == ["uploads/ 7"]
    )
    error_message = "Unfinished and forgotten uploads, previews and old versions go by themselves."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.objects.rule : (
        contains(["uploads-that-nobody-took", "previews"], rule.id) ? contains(["uploads/", "previews/"], rule.filter[0].prefix) : rule.expiration[0].expired_object_delete_marker
      ) if length(rule.expiration) > 0
    ])
    error_message = "No rule removes data sets, artifacts or state."
  }
}

run "secret" {
  command = plan

  module {
    source = "./modules/store"
  }

  assert {
    condition     = aws_secretsmanager_secret.keys.name == "fettle/keys" && aws_secretsmanager_secret.keys.recovery_window_in_days == 30
    error_message = "The key ring can be brought back for a month."
  }
}

run "own_key" {
  command = plan

  module {
    source = "./modules/store"
  }

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = (
      aws_dynamodb_table.state.server_side_encryption[0].kms_key_arn == var.kms_key_arn &&
      one(one(aws_s3_bucket_server_side_encryption_configuration.objects.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn &&
      one(one(aws_s3_bucket_server_side_encryption_configuration.objects.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms" &&
      aws_secretsmanager_secret.keys.kms_key_id == var.kms_key_arn
    )
    error_message = "All of it is encrypted with the operator's key."
  }
}

run "given_up" {
  command = plan

  module {
    source = "./modules/store"
  }

  variables {
    protect_data = false
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition     = aws_s3_bucket.objects.force_destroy && !aws_dynamodb_table.state.deletion_protection_enabled && aws_secretsmanager_secret.keys.recovery_window_in_days == 0
    error_message = "Data that is not protected goes with the rest."
  }

  assert {
    condition     = one(aws_s3_bucket_cors_configuration.objects[0].cors_rule).allowed_origins == toset(["https://app.example.com"])
    error_message = "Pages of named origins may upload."
  }
}

# Nothing of what is kept is in the configuration. Terraform's tests see what is planned, so this one
# reads the files.
run "no_secret_values" {
  command = plan

  module {
    source = "./modules/store"
  }

  assert {
    condition = aws_secretsmanager_secret.keys.name != null && length(fileset(".", "**/*.tf")) > 20 && alltrue([
      for file in fileset(".", "**/*.tf") :
      !can(regex("aws_secretsmanager_secret_version|secret_string|secret_binary|aws_iam_access_key|private_key|password|ftl_[a-z0-9]", file(file)))
    ])
    error_message = "No file of the configuration writes, makes or holds the value of a secret."
  }

  assert {
    condition = aws_secretsmanager_secret.keys.name != null && alltrue([
      for file in fileset(".", "**/versions.tf") :
      flatten(regexall("source *= *\"([^\"]+)\"", file(file))) == ["hashicorp/aws"]
    ])
    error_message = "The one provider is hashicorp/aws."
  }
}
