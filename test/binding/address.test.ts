import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AddressRules } from '../../src/binding/address.ts'
import { parseAddress } from '../../src/binding/address.ts'

const rules: AddressRules = {
  schemes: ['http', 'https', 'ssh'],
  allowLocal: false,
  allowsHost: () => true,
}
const localRules: AddressRules = { ...rules, allowLocal: true }

function urlOf(text: string, given = rules): string {
  const parsed = parseAddress(text, given)
  return parsed.kind === 'ok' ? parsed.address.url : `refused: ${parsed.reason}`
}

test.each([
  ['https://github.com/o/r', 'https://github.com/o/r'],
  ['  https://github.com/o/r.git\n', 'https://github.com/o/r.git'],
  ['HTTPS://GitHub.COM/O/r.git', 'https://github.com/O/r.git'],
  ['https://github.com:443/o/r', 'https://github.com/o/r'],
  ['http://forge:00080/o/r', 'http://forge/o/r'],
  ['https://forge:/o/r', 'https://forge/o/r'],
  ['http://127.0.0.1:3000/o/r', 'http://127.0.0.1:3000/o/r'],
  ['https://forge.example./o/r/', 'https://forge.example/o/r'],
  ['https://forge//o/./x/../r', 'https://forge/o/r'],
  ['https://forge/o/%7euser/%c3%a9', 'https://forge/o/~user/%C3%A9'],
  ['https://forge/组织/仓库', 'https://forge/%E7%BB%84%E7%BB%87/%E4%BB%93%E5%BA%93'],
  ['https://bücher.example/o/r', 'https://xn--bcher-kva.example/o/r'],
  ['https://telecom/x/ygit', 'https://telecom/x/ygit'],
  ['https://gitlink.org.cn/o/r.git', 'https://gitlink.org.cn/o/r.git'],
  ['https://alice@bitbucket.org/ws/r.git', 'https://bitbucket.org/ws/r.git'],
  ['https://me%40example.org@forge/o/r', 'https://forge/o/r'],
  ['https://dev.azure.com/org/My%20Project/_git/r', 'https://dev.azure.com/org/My%20Project/_git/r'],
  ['https://2130706433/o/r', 'https://127.0.0.1/o/r'],
  ['http://[::1]:3000/o/r', 'http://[::1]:3000/o/r'],
  ['http://[0:0:0:0:0:0:0:1]/o/r', 'http://[::1]/o/r'],
  ['ssh://git@forge/o/r.git', 'ssh://git@forge/o/r.git'],
  ['ssh://git@forge:22/o/r.git', 'ssh://git@forge/o/r.git'],
  ['ssh://git@forge:2222/o/r.git', 'ssh://git@forge:2222/o/r.git'],
  ['ssh://[::1]:2222/o/r', 'ssh://[::1]:2222/o/r'],
  ['ssh://git@forge/~user/r', 'ssh://git@forge/~user/r'],
  ['git@github.com:o/r.git', 'git@github.com:o/r.git'],
  ['git@forge:/srv/r.git/', 'git@forge:/srv/r.git'],
  ['forge:~u/r', 'forge:~u/r'],
  ['git@[::1]:o/r', 'git@[::1]:o/r'],
  ['git@ssh.dev.azure.com:v3/org/My%20Project/r', 'git@ssh.dev.azure.com:v3/org/My%20Project/r'],
])('the address %j goes to git as %j', (text, url) => {
  const given = urlOf(text)

  expect(given).toBe(url)
})

test.each([
  ['', 'empty'],
  ['   ', 'empty'],
  [`https://h/${'a'.repeat(2000)}`, 'too_long'],
  ['--upload-pack=touch /tmp/x', 'option'],
  ['-oProxyCommand=x', 'option'],
  ['--Upload-Pack=x', 'option'],
  ['git@forge:-oProxyCommand=x', 'option'],
  ['ssh://-oProxyCommand=x/o/r', 'host'],
  ['ssh://user@-oProxyCommand=x/o/r', 'host'],
  ['ssh://-oProxyCommand=x@forge/o/r', 'user'],
  ['-oProxyCommand=x@forge:o/r', 'option'],
  ['ext::sh -c touch%20x', 'character'],
  ['ext::sh', 'helper'],
  ['fd::17', 'helper'],
  ['https::http://forge/o/r', 'helper'],
  ['https://forge/ext::sh', 'helper'],
  ['http:forge/o/r', 'form'],
  ['HTTPS:/forge/o/r', 'form'],
  ['file:/srv/r', 'form'],
  ['git:o/r', 'form'],
  ['C:/repos/r', 'form'],
  ['c:temp', 'form'],
  ['C:\\repos\\r', 'backslash'],
  ['./x.bundle', 'form'],
  ['../x', 'form'],
  ['foo/bar:baz', 'form'],
  ['just-a-name', 'form'],
  ['git@gogs-server/repo-test.git', 'form'],
  ['git+ssh://git@forge/o/r', 'scheme'],
  ['git://forge/o/r', 'scheme'],
  ['ftp://forge/o/r', 'scheme'],
  ['rsync://forge/o/r', 'scheme'],
  ['helper://forge/o/r', 'scheme'],
  ['file:///srv/r', 'local'],
  ['/srv/r', 'local'],
  ['//forge/share', 'local'],
  ['https://user:secret@forge/o/r', 'password'],
  ['https://user%3Asecret@forge/o/r', 'password'],
  ['https://:secret@forge/o/r', 'password'],
  ['https://u:p@ss@forge/o/r', 'password'],
  ['https://ghp_0123456789abcdef@github.com/o/r', 'password'],
  ['https://glpat-0123456789abcdef@gitlab.com/o/r', 'password'],
  ['https://0123456789abcdef0123456789abcdef01234567@forge/o/r', 'password'],
  ['user:secret@forge:o/r', 'password'],
  ['https://@forge/o/r', 'user'],
  ['https://a@b@forge/o/r', 'user'],
  ['ssh://a%20b@forge/o/r', 'user'],
  ['https:///o/r', 'host'],
  ['https://forge_/o/r', 'host'],
  ['https://-forge/o/r', 'host'],
  ['https://a..b/o/r', 'host'],
  ['https://fo%72ge/o/r', 'host'],
  ['https://[::1/o/r', 'helper'],
  ['https://[::1%25eth0]/o/r', 'host'],
  ['https://[1.2.3.4]/o/r', 'host'],
  ['https://1.2.3.256/o/r', 'host'],
  ['https://forge:25/o/r', 'port'],
  ['https://forge:0/o/r', 'port'],
  ['https://forge:65536/o/r', 'port'],
  ['https://forge:-1/o/r', 'port'],
  ['https://forge:80a/o/r', 'port'],
  ['https://forge:6379/o/r', 'port'],
  ['git@forge:22:o/r', 'scp_port'],
  ['https://forge/o/../../r', 'climbs'],
  ['https://forge/%2e%2E/r', 'climbs'],
  ['git@forge:../r', 'climbs'],
  ['git@forge:~u/../r', 'climbs'],
  ['https://forge', 'no_path'],
  ['https://forge/', 'no_path'],
  ['git@forge:', 'no_path'],
  ['https://gitlab.com/g/r/-/tree/main', 'web_page'],
  ['https://forge/o/r?x=1', 'query'],
  ['https://forge/o/r#x', 'query'],
  ['https://forge/o/r%0d%0aHost:x', 'character'],
  ['https://forge/o/r%00', 'character'],
  ['https://forge/o\nr', 'character'],
  ['https://forge/o r', 'character'],
  ['https://forge/o\u202er', 'character'],
  ['https://forge/$(id)', 'character'],
  ['https://forge/`id`', 'character'],
  ["https://forge/o'r", 'character'],
  ['https://forge/o%5cr', 'backslash'],
  ['http://127.0.0.1\\@evil/o/r', 'backslash'],
  ['https://forge/o/%zz', 'escape'],
  ['https://forge/o/%ff', 'escape'],
])('the address %j is refused: %s', (text, reason) => {
  const given = urlOf(text)

  expect(given).toBe(`refused: ${reason}`)
})

test('local repositories are accepted where they are permitted, always as file URLs', () => {
  const addresses = [
    '/srv/r.git',
    'file:///srv/r.git',
    'file://localhost/srv/r.git/',
    '/srv/a%b',
    '/srv/../../r',
  ]

  const urls = addresses.map((address) => urlOf(address, localRules))

  expect(urls).toEqual([
    'file:///srv/r.git',
    'file:///srv/r.git',
    'file:///srv/r.git',
    'refused: escape',
    'refused: climbs',
  ])
})

test('a file address of another machine is refused even where local repositories are permitted', () => {
  const url = urlOf('file://server/share/r.git', localRules)

  expect(url).toBe('refused: host')
})

test('the rules narrow what the form allows', () => {
  const narrow: AddressRules = {
    schemes: ['https'],
    allowLocal: false,
    allowsHost: (host) => host === 'forge',
  }

  const urls = ['https://forge/o/r', 'http://forge/o/r', 'git@forge:o/r', 'https://169.254.169.254/o/r'].map(
    (text) => urlOf(text, narrow),
  )

  expect(urls).toEqual(['https://forge/o/r', 'refused: scheme', 'refused: scheme', 'refused: host_denied'])
})

test('the host is judged in the form in which git gets it', () => {
  const judged: string[] = []
  const recording: AddressRules = { ...rules, allowsHost: (host) => judged.push(host) > 0 }

  for (const host of ['0x7f.1', '127.1', '①②⑦.0.0.1', '[::FFFF:7f00:1]', 'LOCALHOST.'])
    urlOf(`http://${host}/o/r`, recording)

  expect(judged).toEqual(['127.0.0.1', '127.0.0.1', '127.0.0.1', '::ffff:7f00:1', 'localhost'])
})

test('an accepted address keeps its text, and a user name of the web goes to the credential', () => {
  const parsed = parseAddress(' https://me%40example.org@Forge:8443/O/r.git ', rules)

  expect(parsed).toEqual({
    kind: 'ok',
    address: {
      url: 'https://forge:8443/O/r.git',
      scheme: 'https',
      host: 'forge',
      port: 8443,
      username: 'me@example.org',
      path: '/O/r.git',
      display: 'https://me%40example.org@Forge:8443/O/r.git',
    },
  })
})

test('no refusal repeats the address, which may hold a secret', () => {
  const parsed = parseAddress('https://user:hunter2@forge/o/r', rules)

  expect(JSON.stringify(parsed)).not.toContain('hunter2')
})

const anyAddress = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc
    .array(
      fc.constantFrom(
        'https://',
        'ssh://',
        'git@',
        'file://',
        '/',
        ':',
        '::',
        '@',
        '-',
        '..',
        '.',
        '~',
        '[::1]',
        'h',
        'o/r',

        '%2e',
        '%2F',
        '%0a',
        '\\',
        '?',
        '#',
        ' ',
        '.git',
        '22',
        '-oX=y',
        '\u0000',
        '组',
        'é',
        'İ',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
)

test('any text at all is judged without throwing, and what is accepted stays what it is', () => {
  fc.assert(
    fc.property(anyAddress, (text) => {
      const parsed = parseAddress(text, localRules)

      if (parsed.kind === 'refused') return
      const { url } = parsed.address
      expect(url).toMatch(/^(?:(?:https?|ssh|file):\/\/|[A-Za-z0-9[])[\p{L}\p{M}\p{N}\-._~+@,=:()!&%/[\]]*$/u)
      expect(urlOf(url, localRules)).toBe(url)
    }),
    { numRuns: 5000 },
  )
})
