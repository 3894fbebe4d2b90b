import { expect, test } from 'vitest'
import { isListed, toBlockList } from '../src/networks.ts'

test.each([
  ['192.0.2.1', true],
  ['192.0.2.2', false],
  ['10.20.30.40', true],
  ['::ffff:10.20.30.40', true],
  ['2001:db8::5', true],
  ['2001:db9::5', false],
  ['11.0.0.1', false],
])('of the listed networks %s is a member: %s', (address, expected) => {
  const list = toBlockList(['192.0.2.1', '10.0.0.0/8', '2001:db8::/32'])

  const found = isListed(list, address)

  expect(found).toBe(expected)
})
