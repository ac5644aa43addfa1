"""The conformance kit: the promises that every adapter keeps, as tests that anybody can run against their own.

One class a port: ``gateway.testing.nontax.NonTaxConformance``, ``gateway.testing.credit.DisclosureConformance``,
``gateway.testing.registry.RegistryConformance``, ``gateway.testing.seal.SealConformance``. Subclass it in a test file
as ``Test…`` and supply one fixture, ``bench``. ``gateway.testing.suites.suite_for(kind)`` gives the suite of any kind,
also of one from outside. How: docs/conformance.md. Needs pytest and pytest-asyncio.
"""
