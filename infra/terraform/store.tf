# Everything that is kept.

module "store" {
  source = "./modules/store"

  table_name       = local.table_name
  bucket_name      = local.bucket_name
  bucket_arn       = local.bucket_arn
  secret_name      = local.secret_name
  kms_key_arn      = var.kms_key_arn
  protect_data     = var.protect_data
  upload_prefix    = local.upload_prefix
  upload_days      = var.upload_days
  old_version_days = var.old_version_days
  cors_origins     = var.cors_origins
}
