"""Names under which secrets and signatures travel, as data: in queries, forms, cookies, headers and JSON."""

from __future__ import annotations

# What signs a link, or stands for a key in one. In lower case.
SIGNING = frozenset(
    (
        # AWS, CloudFront, and what is compatible with them
        "awsaccesskeyid signature policy key-pair-id x-amz-signature x-amz-credential x-amz-security-token "
        # Google, Azure
        "googleaccessid x-goog-signature x-goog-credential sig skoid sktid "
        # Alibaba, Tencent, Huawei, Volcengine, Baidu, Qiniu, UCloud, Upyun, Kingsoft
        "ossaccesskeyid security-token x-oss-signature x-oss-credential x-oss-security-token auth_key "
        "q-ak q-signature q-header-list q-url-param-list x-cos-security-token sign txsecret "
        "accesskeyid x-obs-security-token x-tos-signature x-tos-credential x-tos-security-token x-signature lk3s "
        "authorization x-bce-security-token token ucloudpublickey _upt kssaccesskeyid "
        # Akamai, Cloudflare, Bunny, Fastly, Backblaze, Oracle, Imgix, others' delivery networks
        "hdnts hdnea hdntl __token__ hmac verify md5 secure st pkey wstoken wssecret hash x-bz-authorization "
        # keys and sessions in a query
        "key api_key apikey api-key x-api-key subscription-key access_key accesskey secret secret_key client_secret "
        "access_token refresh_token id_token auth_token session session_id sessionid sess jwt ticket code "
        "password passwd pwd pass auth credential credentials assertion"
    ).split()
)
# A name with one of these in it is as good as one of the list.
PARTS = ("token", "secret", "passw", "signature", "credential", "apikey", "api_key", "api-key", "access_key", "session")
# Names of JSON members, headers and settings whose value is a secret wherever they stand.
MEMBERS = frozenset(
    (
        "authorization proxy-authorization x-api-key api-key api_key apikey access_token accesstoken refresh_token "
        "refreshtoken id_token idtoken auth_token session_token sessiontoken token jwt secret client_secret secret_key "
        "secretkey private_key access_key accesskey password passwd openai-sentinel-token"
    ).split()
)


def is_secret_name(name: str) -> bool:
    """Whether a parameter or cookie of this name holds what nobody should read."""
    plain = name.lower()
    return plain in SIGNING or any(part in plain for part in PARTS)
