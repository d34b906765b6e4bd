// One read call to each of ten services, and a message to a queue by its URL. Prints one JSON object: what each came to.
// It is run in the directory that holds node_modules.
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { DescribeDBInstancesCommand, RDSClient } from "@aws-sdk/client-rds";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListSecretsCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ListTopicsCommand, SNSClient } from "@aws-sdk/client-sns";
import { CreateQueueCommand, ListQueuesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const sqs = new SQSClient({});
const calls = {
  dynamodb: () => new DynamoDBClient({}).send(new ListTablesCommand({})),
  ec2: () => new EC2Client({}).send(new DescribeVpcsCommand({})),
  iam: () => new IAMClient({}).send(new ListUsersCommand({})),
  lambda: () => new LambdaClient({}).send(new ListFunctionsCommand({})),
  rds: () => new RDSClient({}).send(new DescribeDBInstancesCommand({})),
  s3: () => new S3Client({}).send(new ListBucketsCommand({})),
  secretsmanager: () => new SecretsManagerClient({}).send(new ListSecretsCommand({})),
  sns: () => new SNSClient({}).send(new ListTopicsCommand({})),
  sqs: () => sqs.send(new ListQueuesCommand({})),
  sts: () => new STSClient({}).send(new GetCallerIdentityCommand({})),
  message: async () => {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "javascript" }));
    return sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "m" }));
  },
};
const outcomes = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    outcomes[name] = (await call()).$metadata.httpStatusCode;
  } catch (problem) {
    outcomes[name] = `${problem.name}: ${problem.message}`;
  }
}
console.log(JSON.stringify(outcomes));
