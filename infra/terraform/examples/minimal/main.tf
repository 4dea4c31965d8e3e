# The platform with its defaults. From this directory, after scripts/package.sh:
#
#   terraform init
#   terraform apply

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

module "fettle" {
  source = "../.."

  region = "eu-central-1"
}

output "api_url" {
  description = "The API's address."
  value       = module.fettle.api_url
}

output "first_admin_command" {
  description = "Makes the first admin's key, once."
  value       = module.fettle.first_admin_command
}

output "bucket" {
  description = "Where data sets and artifacts are."
  value       = module.fettle.bucket
}

output "dashboard_url" {
  description = "The dashboard, in the console."
  value       = module.fettle.dashboard_url
}
