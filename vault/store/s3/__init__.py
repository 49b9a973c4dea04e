"""Objects in a bucket of S3 or of a server that speaks it; what grows there is kept in the bucket alone.

    <prefix>objects/<name>           an object, whole
    <prefix>partials/<name>          a partial's state: which parts it has, in order; replaced only by who read it last
    <prefix>parts/<name>/<place>-<id>  a part's bytes, finished ciphertext under a fresh name, never changed

`bucket` asks the server and says its faults in our words; `state` is what a partial is; `growth` is one writer of one;
`store` is the store, `retention` the archive's, with Object Lock. Only this package and `vault.kms.aws` know boto3.
"""
