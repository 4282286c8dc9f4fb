"""Parts of the attack benchmark: canaries, injected instructions, live markup, secrets."""
