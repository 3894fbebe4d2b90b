import { expect, test } from 'vitest'
import { parseProxy } from '../src/host-network.ts'
import { networkOf } from './rig/host-network.ts'

test.each([
  ['http://proxy.corp.example:3128', 'proxy.corp.example:3128', 'http://proxy.corp.example:3128', []],
  ['HTTP://Proxy.corp.example:80/', 'proxy.corp.example:80', 'http://proxy.corp.example:80', []],
  ['http://[::1]:3128', '[::1]:3128', 'http://[::1]:3128', []],
  ['http://ann:p%40ss@p:1', 'p:1', 'http://ann:p%40ss@p:1', ['YW5uOnBAc3M=', 'p%40ss', 'p@ss']],
  ['http://ann:p@ss=@p:1', 'p:1', 'http://ann:p%40ss%3D@p:1', ['YW5uOnBAc3M9', 'p%40ss%3D', 'p@ss=']],
  ['http://token@p:1', 'p:1', 'http://token:@p:1', ['dG9rZW46']],
])('%s is a proxy', (text, name, url, secrets) => {
  const proxy = parseProxy(text)

  expect(proxy).toEqual({ name, url, secrets })
})

test.each([
  'proxy.corp.example:3128',
  'http://proxy.corp.example',
  'http://:3128',
  'http://proxy.corp.example:99999',
  'http://proxy.corp.example:3128/path',
  'http://proxy.corp.example:3128?x',
  'https://proxy.corp.example:3128',
  'socks5://proxy.corp.example:1080',
  'http://:secret@proxy.corp.example:3128',
  'http://a%3Ab:secret@proxy.corp.example:3128',
  'http://ann:se%0acret@proxy.corp.example:3128',
  'http://ann:se%zzcret@proxy.corp.example:3128',
  'http://ann:se#cret@proxy.corp.example:3128',
  'http://ann:se/cret@proxy.corp.example:3128',
])('%s is none', (text) => {
  expect(parseProxy(text)).toBeUndefined()
})

test('of several rules that mean a host the first decides, and a host that none means goes its own way', () => {
  const network = networkOf({
    ca: { 'git.corp.example': 'one', '*.corp.example': 'all' },
    proxy: { '*.corp.example': 'direct', '10.*': 'http://inner:1', '::1': 'direct', '*.*': 'http://outer:1' },
  })
  const ways = [
    'git.corp.example',
    'GIT.corp.example.',
    'lab.corp.example',
    'corp.example',
    '10.1.2.3',
    '::1',
    'localhost',
  ]

  const routes = ways.map((host) => {
    const { bundle, proxy } = network.routeTo(host)
    return [bundle?.certificates[0], proxy?.name]
  })

  expect(routes).toEqual([
    ['one', undefined],
    ['one', undefined],
    ['all', undefined],
    [undefined, 'outer:1'],
    [undefined, 'inner:1'],
    [undefined, undefined],
    [undefined, undefined],
  ])
})
