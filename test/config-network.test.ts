import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/config.ts'
import { ConfigError } from '../src/settings.ts'
import { createAuthority } from './rig/certificate.ts'

const CORP = createAuthority('Corp')
const LAB = createAuthority('Lab')

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'reposync-config-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

/** What the start would print; empty when it would start. */
function refusal(env: Readonly<Record<string, string>>, cwd: string): string {
  try {
    loadConfig({ env, cwd })
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

test('certificates are read per host, also several from one file that holds other things too', () => {
  const cwd = folderWith({ 'corp.pem': CORP.cert, 'all.pem': `# two\n${LAB.cert}\nbetween\r\n${CORP.cert}` })
  const env = {
    HOST_CA: `git.corp.example=corp.pem, *.LAB.example = ${join(cwd, 'all.pem')},[0::1]=corp.pem,`,
  }

  const { hostCa } = loadConfig({ env, cwd }).remotes

  const [corp, lab] = [CORP.cert.trim(), LAB.cert.trim()]
  const file = join(cwd, 'corp.pem')
  expect(hostCa).toEqual([
    { host: 'git.corp.example', value: { file, certificates: [corp] } },
    { host: '*.lab.example', value: { file: join(cwd, 'all.pem'), certificates: [lab, corp] } },
    { host: '::1', value: { file, certificates: [corp] } },
  ])
})

test('proxies are read per host, and their passwords stay apart from what may be shown', () => {
  const env = { HOST_PROXY: '*.corp.example=Direct, *=http://ann:p%2Cw=@proxy.corp.example:3128' }

  const { secrets, ...rest } = loadConfig({ env, cwd: folderWith({}) })

  expect(secrets.hostProxy).toMatchObject([
    { host: '*.corp.example', value: 'direct' },
    {
      host: '*',
      value: { name: 'proxy.corp.example:3128', url: 'http://ann:p%2Cw%3D@proxy.corp.example:3128' },
    },
  ])
  expect(JSON.stringify(rest)).not.toContain('proxy.corp.example')
})

test('both can be lists in the file', () => {
  const lines = [
    'host_ca:',
    '  - "*.corp.example=corp.pem"',
    'host_proxy:',
    '  - a.example=direct',
    '  - "*=http://p:1"',
  ]
  const cwd = folderWith({ 'corp.pem': CORP.cert, 'x.yaml': lines.join('\n') })

  const { remotes, secrets } = loadConfig({ env: { CONFIG_FILE: 'x.yaml' }, cwd })

  expect(remotes.hostCa.map(({ host }) => host)).toEqual(['*.corp.example'])
  expect(secrets.hostProxy.map(({ host }) => host)).toEqual(['a.example', '*'])
})

test.each([
  [
    'git.corp.example',
    /^HOST_CA is "git\.corp\.example" but must be a comma-separated list of hosts and files /,
  ],
  ['=corp.pem', /^HOST_CA is /],
  ['git.corp.example=', /^HOST_CA is /],
  ['git.corp.example:8443=corp.pem', /^HOST_CA is /],
  ['https://git.corp.example=corp.pem', /^HOST_CA is /],
  ['a.example=corp.pem,A.example=corp.pem', /^HOST_CA is .* each host once/],
  ['a.example=none.pem', /^HOST_CA names \S+none\.pem, which cannot be read \(ENOENT\)\.$/],
  ['a.example=folder', /^HOST_CA names \S+folder, which cannot be read \(EISDIR\)\.$/],
  ['a.example=key.pem', /^HOST_CA names \S+key\.pem, which holds no certificate in PEM form\.$/],
  ['a.example=empty.pem', /^HOST_CA names \S+empty\.pem, which holds no certificate in PEM form\.$/],
  ['a.example=broken.pem', /^HOST_CA names \S+broken\.pem, whose certificate number 2 cannot be read\.$/],
])('HOST_CA of %s stops the start with one sentence', (value, sentence) => {
  const broken = CORP.cert.replace(/\n.{64}\n/, '\n')
  const cwd = folderWith({
    'corp.pem': CORP.cert,
    'key.pem': LAB.issue('x').key,
    'empty.pem': '',
    'broken.pem': CORP.cert + broken,
  })
  mkdirSync(join(cwd, 'folder'))

  const message = refusal({ HOST_CA: value }, cwd)

  expect(message).toMatch(sentence)
  expect(message).not.toContain('\n')
})

test.each([
  '*=http://ann:hunter2@proxy.corp.example',
  '*=https://ann:hunter2@proxy.corp.example:3128',
  '*=socks5://ann:hunter2@proxy.corp.example:1080',
  'http://ann:hunter2@proxy.corp.example:3128',
  'github.com:443=http://ann:hunter2@proxy.corp.example:3128',
  '*=direct,*=http://ann:hunter2@proxy.corp.example:3128',
  '*=http://ann:hunter2,@proxy.corp.example:3128',
  '10.0.0.0/8=direct,*=http://ann:hunter2@proxy.corp.example:3128',
])('HOST_PROXY of %s stops the start with one sentence that does not repeat it', (value) => {
  const message = refusal({ HOST_PROXY: value }, folderWith({}))

  expect(message).toMatch(/^HOST_PROXY must be a comma-separated list of hosts and proxies .+\.$/)
  expect(message).not.toContain('hunter2')
})
