from typing import Any

ffi: Any
VERSION: str
