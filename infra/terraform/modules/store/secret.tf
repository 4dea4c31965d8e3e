# The place of the key that secrets are encrypted with. The platform makes the key at its first use
# and writes it here, so it is in no plan and no state of Terraform.

resource "aws_secretsmanager_secret" "keys" {
  #checkov:skip=CKV2_AWS_57:A new key would leave what the old one encrypted unreadable: the platform turns its key ring itself
  name                    = var.secret_name
  description             = "Fettle's key ring: whoever reads it reads every stored secret"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.protect_data ? 30 : 0
}
