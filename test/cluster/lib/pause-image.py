"""Writes an OCI archive with one program in it, with nothing but Python: pause-image.py ARCHIVE NAME:TAG PROGRAM"""

import hashlib
import io
import json
import sys
import tarfile

archive, name, program = sys.argv[1:]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(kind, data, **more):
    media_type = f"application/vnd.oci.image.{kind}"
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def encoded(document):
    return json.dumps(document).encode()


layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as tar:
    tar.add(program, arcname="pause")
layer = layer.getvalue()

config = encoded({
    "architecture": "amd64",
    "os": "linux",
    "config": {"Entrypoint": ["/pause"]},
    "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    "history": [{}],
})
manifest = encoded({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": descriptor("config.v1+json", config),
    "layers": [descriptor("layer.v1.tar", layer)],
})
names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":")[-1]}
index = encoded({"schemaVersion": 2, "manifests": [descriptor("manifest.v1+json", manifest, annotations=names)]})

files = {"oci-layout": encoded({"imageLayoutVersion": "1.0.0"}), "index.json": index}
for blob in (config, manifest, layer):
    files["blobs/sha256/" + digest(blob).split(":")[1]] = blob
with tarfile.open(archive, "w") as tar:
    for path, data in files.items():
        member = tarfile.TarInfo(path)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
