# Terraform's own state, in a bucket that is not the platform's: versioned, encrypted, and locked by a
# file beside it while somebody applies. Its name and region are given at
#
#   terraform init -backend-config=bucket=example-terraform-state -backend-config=region=eu-central-1

terraform {
  backend "s3" {
    key          = "fettle/production.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
