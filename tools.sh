# Sourced by ./demo, ./test and the Makefile: finds uv or brings it into .tools. Needs python3 and its pip, no root.
# The system's trust store: where a company has its own authority, that is where it stands.
export UV_SYSTEM_CERTS=true
export UV_PYTHON_DOWNLOADS=never UV_PYTHON_PREFERENCE=only-system UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
UV=$(command -v uv || true)
if [ -z "$UV" ]; then
  UV=$PWD/.tools/bin/uv
  if [ ! -x "$UV" ]; then
    echo "bringing uv into .tools ..." >&2
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv || {
      echo "python3 -m pip could not install uv; on Debian: apt install python3-pip" >&2
      exit 1
    }
  fi
fi
# Where a machine forbids it (many images do), each of the hundreds of commands that tests start compiles iwds anew.
unset PYTHONDONTWRITEBYTECODE
