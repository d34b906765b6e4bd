"""The catalogue of findings: what each code means, and how it is found out. docs/doctor.md has a section for each.

A code never changes its meaning, and one that is given up is not used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from podrole.doctor.report.findings import Link


@dataclass(frozen=True, slots=True)
class Code:
    """``title`` is a sentence without its end; ``meaning`` says what comes of it; ``found`` how it is found out."""

    code: str
    title: str
    meaning: str
    found: str

    @property
    def link(self) -> Link:
        """The link that it belongs to."""
        return Link(int(self.code[2]))

    @property
    def anchor(self) -> str:
        """Where docs/doctor.md tells of it."""
        return self.code.lower()


_ALL = (
    # 1: service account
    Code(
        "PR101",
        "The service account does not exist",
        "Pods that name it are not admitted, or have lost it since.",
        "The cluster has no such ServiceAccount; the others of the namespace are compared by likeness.",
    ),
    Code(
        "PR102",
        "Nothing binds the service account to a role",
        "The webhook leaves its pods as they are.",
        "Neither an annotation nor the webhook's ConfigMap nor an EKS Pod Identity association names it; the roles "
        "that would let it in are looked for in the account.",
    ),
    Code(
        "PR103",
        "The annotation's key is misspelt",
        "The webhook knows one key only, and passes over all others without a word.",
        "A key much like it, or a role's ARN under a key of another tool.",
    ),
    Code(
        "PR104",
        "The annotation is on the pod, not on the service account",
        "The webhook reads the role from the service account alone.",
        "The key is among the pod's annotations.",
    ),
    Code(
        "PR105",
        "The annotation's value is no ARN",
        "It is injected as it is, and STS refuses it.",
        "The webhook's own check of role ARNs; a bare name is looked up among the account's roles.",
    ),
    Code(
        "PR106",
        "The annotation names something that is not a role",
        "Policies, users and sessions cannot be assumed.",
        "The resource of the ARN.",
    ),
    Code(
        "PR107",
        "The role is of another partition",
        "aws, aws-cn and aws-us-gov are worlds of their own: no token crosses between them.",
        "The ARN's partition against that of the region in which the pods run.",
    ),
    Code(
        "PR108",
        "The annotation's value has a character that no ARN has",
        "A blank, a quote or an invisible character came along by copying or templating.",
        "The value becomes a role's ARN once such characters are taken out.",
    ),
    Code(
        "PR109",
        "The pod runs under another service account",
        "The one that has the role is not the one that the pod names; often it names none and gets `default`.",
        "The pod's serviceAccountName, against the service accounts of the namespace that are bound.",
    ),
    Code(
        "PR110",
        "An annotation is not understood",
        "It is ignored, and the default holds.",
        "The webhook's own reading of the annotations.",
    ),
    # 2: injection
    Code(
        "PR201",
        "No webhook is registered",
        "Nobody gives pods their variables and token.",
        "No MutatingWebhookConfiguration by any name that identity webhooks go by.",
    ),
    Code(
        "PR202",
        "The webhook's rules leave out the creation of pods",
        "The API server does not ask it.",
        "The API server's own selection of webhooks.",
    ),
    Code(
        "PR203",
        "The webhook's namespaceSelector leaves out the namespace",
        "The API server does not ask it about pods of this namespace.",
        "The API server's own selection of webhooks, with the namespace's labels.",
    ),
    Code(
        "PR204",
        "The webhook's objectSelector leaves out the pod",
        "The API server does not ask it about pods with these labels.",
        "The API server's own selection of webhooks, with the pod's labels.",
    ),
    Code(
        "PR205",
        "The webhook's caBundle does not verify its certificate",
        "The API server does not talk to it: pods are let in without identity, or not at all.",
        "The webhook is called as the API server calls it; with --live the cluster itself tries.",
    ),
    Code(
        "PR206",
        "The webhook cannot be reached",
        "Pods are let in without identity, or not at all.",
        "The webhook is called as the API server calls it, its Service and endpoints are looked at; with --live the "
        "cluster itself tries.",
    ),
    Code(
        "PR207",
        "The pod is older than its binding",
        "A pod's specification is fixed when it is made; restarting its containers changes nothing.",
        "The pod lacks what the webhook would give it now, and was made before its service account was annotated.",
    ),
    Code(
        "PR208",
        "The pod carries another role or audience than its binding says now",
        "It goes on with what it was given when it was made.",
        "What the webhook once injected, against what it would inject now.",
    ),
    Code(
        "PR209",
        "A container is skipped",
        "The pod's annotation `skip-containers` names it.",
        "The webhook's own mutation.",
    ),
    Code(
        "PR210",
        "Variables set by hand keep the webhook from injecting",
        "Of role and token file the webhook gives both or neither; one set by hand means neither.",
        "The container's environment, against what the webhook would give.",
    ),
    Code(
        "PR211",
        "Another webhook undoes the injection",
        "The pod has the volume or a mount, and not the rest.",
        "Some of what the webhook gives is there and some is not; the world's event log tells which webhook changed "
        "the pod.",
    ),
    Code(
        "PR212",
        "The pod was let in without its identity",
        "The webhook was not asked or did not answer, and its failurePolicy lets pods through.",
        "The pod lacks everything though its binding is older; or, with --live, a dry run comes back without identity.",
    ),
    Code(
        "PR213",
        "Something else has the token's place",
        "A volume of the pod's own has the token volume's name, or is mounted where the token would be.",
        "The webhook's own mutation.",
    ),
    # 3: in the container
    Code(
        "PR301",
        "Static keys come before the identity",
        "Every SDK uses AWS_ACCESS_KEY_ID before anything else.",
        "The container's environment, with the ConfigMaps and Secrets that it takes in.",
    ),
    Code(
        "PR302",
        "A profile comes before the identity",
        "Go, JavaScript and Rust take the profile's credentials; Python fails where there is no such profile.",
        "AWS_PROFILE in the container's environment.",
    ),
    Code(
        "PR303",
        "Two sources of credentials compete",
        "Which one an SDK takes depends on its order; with EKS Pod Identity, a web identity set by hand wins.",
        "The container's environment.",
    ),
    Code(
        "PR304",
        "Without an identity of its own the container takes the node's role",
        "Calls succeed or fail with the node's permissions, which hides that the identity is missing.",
        "Neither credentials nor AWS_EC2_METADATA_DISABLED in the container's environment.",
    ),
    Code(
        "PR305",
        "The region does not exist, or is of another partition",
        "The SDK builds a host name that nobody has, or one where the role is unknown.",
        "AWS_REGION and AWS_DEFAULT_REGION against botocore's list of regions.",
    ),
    Code(
        "PR306",
        "Calls to STS are sent elsewhere",
        "AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_STS leads away from AWS's STS.",
        "The container's environment.",
    ),
    Code(
        "PR307",
        "The token's file cannot be read",
        "It belongs to root, only its owner may read it, and the container runs as somebody else.",
        "The volume's defaultMode, fsGroup and the users that the containers name.",
    ),
    Code(
        "PR308",
        "The SDK is too old for web identity tokens",
        "It does not know AWS_WEB_IDENTITY_TOKEN_FILE and looks for credentials elsewhere.",
        "The image's name and tag, where they are known.",
    ),
    Code(
        "PR309",
        "The container brings a credentials file",
        "The SDKs for JavaScript, Rust and C++ use it before the web identity token.",
        "A mount at ~/.aws, or AWS_SHARED_CREDENTIALS_FILE.",
    ),
    # 4: token and issuer
    Code(
        "PR401",
        "The issuer has no address that AWS can use",
        "AWS fetches the issuer's documents over https, from outside, without a port.",
        "The issuer that the cluster names.",
    ),
    Code(
        "PR402",
        "The issuer's documents cannot be fetched",
        "STS answers `Couldn't retrieve verification key`.",
        "They are fetched as STS fetches them: no redirect, no plain http, within five seconds.",
    ),
    Code(
        "PR403",
        "The discovery document names another issuer",
        "A slash at the end, a port or another name is enough: AWS compares to the letter.",
        "The document is fetched and compared as STS does.",
    ),
    Code(
        "PR404",
        "The issuer does not publish the cluster's key",
        "No token that is signed with it can be verified: keys were rotated, and the published set was not renewed.",
        "The keys that the API server lists (with --live: the one that signed a token), and those that are published.",
    ),
    Code(
        "PR405",
        "The token is for another audience",
        "The annotation `audience` asks for one that the provider does not list.",
        "The exchange itself, asked about a token with that audience.",
    ),
    Code(
        "PR406",
        "The pod sends an expired token",
        "It reads a copy of the file, or read it once and kept it.",
        "The last exchange of this service account in the world's event log.",
    ),
    Code(
        "PR407",
        "The clocks are apart",
        "Tokens seem expired, or issued in the future.",
        "With --live: the time in a token just made against the time that AWS answers with.",
    ),
    Code(
        "PR408",
        "The issuer's documents are not what AWS takes",
        "No JSON, no keys, too many keys, an address without https, or private keys.",
        "They are fetched and read as STS does.",
    ),
    # 5: identity provider
    Code(
        "PR501",
        "The role's account has no identity provider for the issuer",
        "STS answers `No OpenIDConnect provider found in your account`. It looks in the role's account.",
        "The exchange itself.",
    ),
    Code(
        "PR502",
        "The provider does not list the audience",
        "STS answers `Incorrect token audience`.",
        "The exchange itself.",
    ),
    Code(
        "PR503",
        "The provider lists another thumbprint than is served",
        "It counts where no public authority vouches for the issuer's server.",
        "The issuer's documents are fetched trusting what STS would trust.",
    ),
    Code(
        "PR504",
        "The provider is another cluster's",
        "A cluster that is made anew has a new issuer, also under the same name.",
        "The role trusts an EKS issuer that is not this cluster's.",
    ),
    Code(
        "PR505",
        "The provider's URL is almost the issuer",
        "A slash, a port or other case makes it another provider.",
        "The account's providers are compared without what people get wrong.",
    ),
    # 6: trust policy
    Code(
        "PR601",
        "The role does not exist",
        "STS answers as if the role did not trust: `Not authorized to perform sts:AssumeRoleWithWebIdentity`.",
        "The account has no role of that very ARN, path included; names are compared by likeness.",
    ),
    Code(
        "PR602",
        "A wildcard stands under StringEquals",
        "StringEquals compares `*` and `?` as ordinary characters.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR603",
        "The subject names another namespace or service account",
        "A slip in the trust policy, or a pod in the wrong place.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR604",
        "The subject is not of a service account's form",
        "It has to be system:serviceaccount:NAMESPACE:NAME.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR605",
        "The condition key has a scheme, a port or a slash",
        "A key is the issuer without https://, then a colon and the claim.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR606",
        "aud and sub are swapped",
        "Each has the other's value.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR607",
        "The trust policy is about another issuer",
        "Principal or condition name another provider, often that of a cluster that is gone.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR608",
        "The trusted provider is another account's",
        "Provider and role have to be of one account.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR609",
        "The trust policy trusts no web identity",
        "Principal is of another type: AWS or Service match no token.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR610",
        "The trust policy allows another action",
        "Tokens come by sts:AssumeRoleWithWebIdentity; sts:AssumeRole is for those who sign.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR611",
        "The trust policy denies explicitly",
        "A Deny that applies wins over every Allow.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR612",
        "A condition holds only because its key is absent",
        "ForAllValues, IfExists and negated operators are true of a key that no token has: any pod can take the role.",
        "The exchange, asked about a service account that nobody has.",
    ),
    Code(
        "PR613",
        "The policy's version knows no variables",
        "Version 2008-10-17, or none, leaves ${…} as literal text.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR614",
        "Another condition fails",
        "Expected and got say which.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR615",
        "The trust policy cannot be read",
        "A document that is not one that AWS takes trusts nobody.",
        "The policy parser, with the place of the fault.",
    ),
    Code(
        "PR616",
        "A value is almost right",
        "It differs in case, in white space, by a slash or by https://.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR617",
        "The condition key does not exist",
        "Of a pod's token only aud and sub are condition keys; namespace, pod and all others are not.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR618",
        "The trust policy expects another audience",
        "Its condition on aud is not met by the token's audience.",
        "The trust policy's evaluation.",
    ),
    Code(
        "PR619",
        "The trust policy does not let in EKS Pod Identity",
        "A role of an association trusts the service pods.eks.amazonaws.com, with sts:AssumeRole and sts:TagSession.",
        "The exchange of EKS Pod Identity, asked about a token of the service account.",
    ),
    Code(
        "PR651",
        "Any pod of the cluster can take the role",
        "The trust policy has no condition on the subject, or one that everybody meets.",
        "The exchange, asked about a service account that nobody has.",
    ),
    Code(
        "PR652",
        "Other namespaces can take the role",
        "A wildcard stands for the namespace: whoever can make a namespace or a service account has the role.",
        "The exchange, asked about a namespace that nobody has.",
    ),
    Code(
        "PR653",
        "Other clusters can take the role",
        "The trust policy lets in the same subject from several issuers.",
        "The exchange, asked about the same subject from each issuer that the policy names.",
    ),
    Code(
        "PR654",
        "Nobody uses the service account",
        "It can take a role, and no pod runs under it.",
        "The cluster's pods (with --all).",
    ),
    # 7: permissions
    Code(
        "PR701",
        "No policy of the role allows the call",
        "What nothing allows is denied.",
        "The evaluation of the role's policies.",
    ),
    Code(
        "PR702",
        "A policy denies the call explicitly",
        "A Deny that applies wins over every Allow.",
        "The evaluation of the role's policies.",
    ),
    Code(
        "PR703",
        "The permissions boundary does not allow the call",
        "A boundary limits what the role's policies give.",
        "The evaluation of the role's policies.",
    ),
    Code(
        "PR704",
        "The session policy does not allow the call",
        "Whoever began the session limited it.",
        "A refused call in the world's event log.",
    ),
    Code(
        "PR705",
        "Another policy does not allow the call",
        "The resource's own policy, or the organization's.",
        "A refused call in the world's event log.",
    ),
    Code(
        "PR706",
        "A policy of the role cannot be read",
        "A document that is not one that AWS takes allows nothing.",
        "The policy parser.",
    ),
    # 8: live try
    Code(
        "PR801",
        "The cluster gives no token",
        "The service account is not there, or you may not ask.",
        "--live: a TokenRequest.",
    ),
    Code(
        "PR802",
        "STS refuses a real token",
        "Its words are shown; the links above say why.",
        "--live: AssumeRoleWithWebIdentity with a real token.",
    ),
    Code(
        "PR803",
        "The credentials are of somebody else, or are not taken",
        "The exchange was answered by something that is not the STS of the role's account.",
        "--live: GetCallerIdentity with the credentials.",
    ),
)

CODES: Mapping[str, Code] = MappingProxyType({one.code: one for one in _ALL})
