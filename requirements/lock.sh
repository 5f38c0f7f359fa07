#!/bin/sh
# Writes the locks in this folder: every package that Mien installs, with its version and the SHA-256 of its files.
# `make lock` runs it. Versions stay as they are while pyproject.toml allows them; UPGRADE=1 takes the newest.
# uv asks its usual registry, or the one in UV_DEFAULT_INDEX. TORCH_CPU=FOLDER names a folder with PyTorch's CPU builds.
set -eu
cd "$(dirname "$0")"

compile() {
    out=$1
    shift
    # --universal: one file for Python 3.11 and newer, on every architecture, with a marker where they differ.
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
        --constraint constraints.in ${UPGRADE:+--upgrade} -o "$out" "$@"
}
# The requirements of an extra whose names match a pattern, one a line.
extra() {
    python -c '
import re, sys, tomllib
extras = tomllib.load(open("../pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(*(one for one in extras[sys.argv[1]] if re.match(sys.argv[2], one)), sep="\n")' "$1" "$2"
}

echo "setuptools>=77" | compile build.txt -
echo "uv
cyclonedx-bom" | compile tools.txt -
compile device.txt ../pyproject.toml
compile dev.txt --extra dev --constraint device.txt ../pyproject.toml
extra pi simplejpeg | compile picamera2.txt --constraint device.txt -
extra mic pyaudio | compile microphone.txt -
echo "tflite-runtime==2.14.0
numpy<2
opencv-python-headless==4.11.0.86
msgspec
av
scikit-image
pytest
pytest-timeout" | compile tflite-runtime.txt -

# PyTorch stands alone, since its build for a CPU (not in the usual registry) needs none of the gigabytes for CUDA.
extra convert 'torch==' | compile torch.txt -
large=$(grep -oE '^(torch|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==' torch.txt | tr -d '=')
echo "pytest
pytest-timeout" | compile convert.txt --extra convert $(printf -- '--no-emit-package %s ' $large) ../pyproject.toml -
compile torch.txt $(printf -- '--no-emit-package %s ' $(grep -oE '^[a-z0-9-]+==' convert.txt | tr -d '=')) - <<TEXT
$(extra convert 'torch==')
TEXT
if [ -n "${TORCH_CPU:-}" ]; then
    {
        echo "# PyTorch's own builds for a CPU, by \`make lock TORCH_CPU=FOLDER\`; its other packages are in convert.txt."
        printf '%s+cpu' "$(extra convert 'torch==')"
        for wheel in "$TORCH_CPU"/torch-*+cpu-*.whl; do
            printf ' \\\n    --hash=sha256:%s' "$(sha256sum "$wheel" | cut -d' ' -f1)"
        done
        echo
    } >torch-cpu.txt
fi
