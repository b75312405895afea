"""The use cases: plan, apply, run. Adapters come in through `iwds.ports`; nothing here knows which."""
