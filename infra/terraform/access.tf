# What each operation's role allows: the words of its `uses`, as uses.json has them, on the resources
# that are meant.

locals {
  # By word: actions, and for a queue's its name after a space. The program is tested against it too.
  words = jsondecode(file("${path.module}/uses.json"))

  # By word and resource: the actions.
  word_actions = {
    for word, actions in local.words : word => {
      for action in actions : (
        startswith(action, "dynamodb:") ? local.table_arn :
        action == "s3:ListBucket" ? local.bucket_arn :
        startswith(action, "s3:") ? "${local.bucket_arn}/*" :
        startswith(action, "sqs:") ? "${local.queue_arn}${try(split(" ", action)[1], "")}" :
        startswith(action, "secretsmanager:") ? local.secret_arn :
        startswith(action, "sns:") ? local.topic_arn :
        "nothing of the platform's"
      ) => split(" ", action)[0]...
    }
  }

  # What AWS wants besides. Items too long for the table are objects, which readers and writers of
  # state read, make and remove; and S3 tells a missing object from a forbidden one only to who may list
  # the bucket (a condition on a prefix does not hold for a GetObject): an item that was replaced while
  # it was read, and a second message about an upload that was removed, depend on it.
  beside = {
    "state.read" = [
      { sid = "Overflow", actions = ["s3:GetObject"], resources = ["${local.bucket_arn}/overflow/*"] },
      { sid = "Missing", actions = ["s3:ListBucket"], resources = [local.bucket_arn] },
    ]
    "state.write"  = [{ sid = "Overflow", actions = ["s3:DeleteObject", "s3:PutObject"], resources = ["${local.bucket_arn}/overflow/*"] }]
    "objects.read" = [{ sid = "Missing", actions = ["s3:ListBucket"], resources = [local.bucket_arn] }]
  }

  grants = {
    for word, by_resource in local.word_actions : word => concat(
      [for index, resource in keys(by_resource) : {
        sid       = "${replace(title(replace(word, ".", " ")), " ", "")}${index == 0 ? "" : index}"
        actions   = sort(by_resource[resource])
        resources = [resource]
      }],
      [for extra in lookup(local.beside, word, []) : {
        sid       = "${replace(title(replace(word, ".", " ")), " ", "")}${extra.sid}"
        actions   = extra.actions
        resources = extra.resources
      }],
    )
  }

  unknown_uses = sort(setsubtract(flatten([for operation in values(local.operations) : tolist(operation.uses)]), keys(local.grants)))

  # What Lambda does in a queue's name with the role of the function that reads it.
  receives = {
    for name, operation in local.operations : name => operation.kind == "queue" ? [{
      sid       = "Receive"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [local.queue_arns[operation.queue]]
    }] : []
  }

  statements = {
    for name, operation in local.operations : name => concat(
      flatten([
        for use in sort(operation.uses) : [
          for grant in lookup(local.grants, use, []) : merge(
            {
              Sid      = grant.sid
              Effect   = "Allow"
              Action   = grant.actions
              Resource = grant.sid == "ObjectsRead" ? lookup(local.objects_read, operation.package, grant.resources) : grant.resources
            },
            [
              for only in local.partition_conditions[name] : {
                # Without the second part a request that names no partition would do.
                Condition = { (only.test) = { "dynamodb:LeadingKeys" = only.partitions }, Null = { "dynamodb:LeadingKeys" = "false" } }
              } if startswith(grant.actions[0], "dynamodb:")
            ]...
          )
          # An operation that keeps to partitions of small items has none that overflow.
          if !(contains(keys(local.own_partitions), name) && startswith(grant.actions[0], "s3:") && startswith(use, "state."))
        ]
      ]),
      [for grant in local.receives[name] : { Sid = grant.sid, Effect = "Allow", Action = grant.actions, Resource = grant.resources }],
      local.key_statements[name],
    )
  }
}

# Closer than the table and the bucket. What an operation reads outside of these AWS refuses, and no
# test on one machine does: whoever changes keys of the program changes them here.
locals {
  # Who may write these can let anybody in, so only the package that manages keys may touch them.
  secret_partitions = ["platform/admin", "platform/key"]
  key_packages      = ["access"]

  # Operations that know beforehand which partitions they need: who is calling is told by a key, or by a
  # token for which nothing is read.
  own_partitions = merge(
    { "inference.ready" = ["platform/health"], "observe.health" = ["platform/health"] },
    { for name in compact([local.authorizer]) : name => ["platform/key"] },
  )

  # DynamoDB's name for the partition's key is in the plural, and so are the operators.
  partition_conditions = {
    for name, operation in local.operations : name => (
      contains(keys(local.own_partitions), name) ? [{
        test = "ForAllValues:StringEquals", partitions = lookup(local.own_partitions, name, [])
      }] :
      contains(local.key_packages, operation.package) ? [] : [{
        test = "ForAllValues:StringNotEquals", partitions = local.secret_partitions
      }]
    )
  }

  # By package: the objects that it reads, where they are of one kind.
  objects_read = {
    predict  = ["${local.bucket_arn}/*/artifacts/*"]
    register = ["${local.bucket_arn}/*/artifacts/*"]
    train    = ["${local.bucket_arn}/*/datasets/*"]
  }
}

# A customer-managed key is used through the services that keep the data, and not otherwise.
locals {
  key_users = {
    dynamodb       = ["state.read", "state.write"]
    s3             = ["state.read", "state.write", "objects.read", "objects.write"]
    secretsmanager = ["keys"]
    sns            = ["notify"]
  }

  key_services = {
    for name, operation in local.operations : name => sort(concat(
      [
        for service, uses in local.key_users : service
        if length(setintersection(operation.uses, uses)) > 0 && !(service == "s3" && contains(keys(local.own_partitions), name))
      ],
      operation.kind == "queue" || anytrue([for use in operation.uses : startswith(use, "queue")]) ? ["sqs"] : [],
    ))
  }

  key_statements = {
    for name, services in local.key_services : name => [
      for key in compact([var.kms_key_arn]) : {
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [key]
        Condition = { StringEquals = { "kms:ViaService" = [for service in services : "${service}.${var.region}.${data.aws_partition.current.dns_suffix}"] } }
      } if length(services) > 0
    ]
  }
}
