import { expect, test } from 'vitest'
import { createHostPolicy, createRelayPolicy } from '../src/host-policy.ts'

test.each([
  ['git.example.com', '203.0.113.5', true],
  ['169.254.169.254', '169.254.169.254', false],
  ['looks-harmless.example', '169.254.169.254', false],
  ['looks-harmless.example', '::ffff:169.254.169.254', false],
  ['metadata.google.internal', '203.0.113.5', false],
  ['METADATA.google.internal.', '203.0.113.5', false],
  ['fe80.example', 'fe80::1', false],
])('with denied hosts only, %s at %s may be contacted: %s', (host, ip, expected) => {
  const policy = createHostPolicy({
    allowed: [],
    denied: ['169.254.0.0/16', 'fe80::/10', 'metadata.google.internal'],
  })

  const allowed = policy.allows(host, ip)

  expect(allowed).toBe(expected)
})

test.each([
  ['git.example.com', '203.0.113.5', true],
  ['example.com', '203.0.113.5', false],
  ['git.example.com.evil.org', '203.0.113.5', false],
  ['gitXexample.com', '203.0.113.5', false],
  ['other.org', '10.1.2.3', true],
  ['bad.example.com', '203.0.113.5', false],
])('with allowed hosts, %s at %s may be contacted: %s', (host, ip, expected) => {
  const policy = createHostPolicy({ allowed: ['*.example.com', '10.0.0.0/8'], denied: ['bad.example.com'] })

  const allowed = policy.allows(host, ip)

  expect(allowed).toBe(expected)
})

test('a name is judged before it is resolved where that is possible', () => {
  const names = createHostPolicy({ allowed: ['*.example.com'], denied: [] })
  const ranges = createHostPolicy({ allowed: ['10.0.0.0/8'], denied: [] })

  const judged = [names.allowsName('other.org'), ranges.allowsName('other.org'), ranges.allowsName('[::1]')]

  expect(judged).toEqual([false, true, false])
})

test.each([
  ['git.example.com', true],
  ['bad.example.com', false],
  ['other.org', false],
  ['10.1.2.3', true],
  ['192.0.2.1', false],
  ['10.9.9.9', false],
  ['::ffff:10.1.2.3', true],
  ['::1', false],
])('whoever resolves names himself may be asked for %s: %s', (host, expected) => {
  const policy = createHostPolicy({
    allowed: ['*.example.com', '10.0.0.0/8'],
    denied: ['bad.example.com', '10.9.0.0/16'],
  })

  const allowed = policy.allowsUnresolved(host)

  expect(allowed).toBe(expected)
})

test.each([
  ['git.example.com', ['203.0.113.5'], true],
  ['git.example.com', [], true],
  ['old.example.com', ['203.0.113.5'], false],
  ['old.example.com', [], false],
  ['anything.example.org', ['203.0.113.5', '10.1.2.3'], false],
  ['10.1.2.3', ['10.1.2.3'], false],
])('without relaying to some hosts, %s at %j is relayed to: %s', (host, addresses, expected) => {
  const allows = createRelayPolicy({ isOn: true, disabledHosts: ['old.*', '10.0.0.0/8'] })

  const allowed = allows?.(host, addresses)

  expect(allowed).toBe(expected)
})

test('with the relay off, no host is relayed to', () => {
  const allows = createRelayPolicy({ isOn: false, disabledHosts: [] })

  expect(allows).toBeUndefined()
})
