"""What Schemathesis has to know of media types that it has no serializer for."""

import schemathesis

# draft-ietf-httpbis-resumable-upload-12: the bytes of a file.
schemathesis.serializer.alias("application/partial-upload", "application/octet-stream")
