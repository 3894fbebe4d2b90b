import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { createApiClient } from '../../src/forge/api-client.ts'
import { createCertificate } from '../rig/certificate.ts'
import type { Certificate } from '../rig/certificate.ts'
import { createTestClock } from '../rig/clock.ts'
import { startFakeForge } from '../rig/fake-forge.ts'

test('a forge with a certificate of a known authority is asked', async () => {
  const certificate = createCertificate('git.example.com')
  using _trust = trust(certificate)
  await using forge = await startFakeForge(() => ({ status: 200, json: [] }), certificate)

  const outcome = await call(forge.origin, 'git.example.com')

  expect(outcome).toMatchObject({ ok: true, value: { json: [] } })
})

test('a forge with a certificate that nobody vouches for is told nothing', async () => {
  await using forge = await startFakeForge(() => ({ status: 200 }), createCertificate('git.example.com'))

  const outcome = await call(forge.origin, 'git.example.com')

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(!outcome.ok && outcome.failure.detail).toMatch(/: DEPTH_ZERO_SELF_SIGNED_CERT$/)
  expect(forge.requests).toEqual([])
})

test('a forge with the certificate of another host is told nothing', async () => {
  const certificate = createCertificate('git.example.com')
  using _trust = trust(certificate)
  await using forge = await startFakeForge(() => ({ status: 200 }), certificate)

  const outcome = await call(forge.origin, 'other.example.com')

  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'tls' } })
  expect(forge.requests).toEqual([])
})

function trust({ cert }: Certificate): Disposable {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, cert])
  return { [Symbol.dispose]: () => setDefaultCACertificates(before) }
}

function call(origin: string, host: string) {
  const client = createApiClient({
    clock: createTestClock(),
    allowAddress: () => true,
    lookup: () => Promise.resolve(['127.0.0.1']),
    timeoutMs: 10_000,
  })
  return client.request({
    method: 'GET',
    url: origin.replace('127.0.0.1', host),
    headers: { authorization: 'token' },
    secrets: ['token'],
  })
}
