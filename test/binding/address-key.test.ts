import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../src/binding/address.ts'
import { addressKeys } from '../../src/binding/address-key.ts'

type Options = { readonly foldCase: boolean }

/** Whether two addresses name the same repository, as a single address of a delivery finds a binding. */
function isSame(a: string, b: string, { foldCase }: Options = { foldCase: true }): boolean {
  return addressKeys(a).some((key) =>
    addressKeys(b).some(
      (other) =>
        (foldCase ? key.matchKey === other.matchKey : key.exactKey === other.exactKey) &&
        (key.webPort === null || other.webPort === null || key.webPort === other.webPort),
    ),
  )
}

const equalSets: Readonly<Record<string, readonly string[]>> = {
  'spelling of a web address': [
    'https://forge.example/o/r',
    'http://forge.example/o/r',
    ' https://forge.example/o/r.git/ ',
    'https://forge.example:443/o/r.git',
    'http://forge.example:80/o/r',
    'https://forge.example:0443//o/./r',
    'https://FORGE.example./o/r',
    'https://user:secret@forge.example/o/r',
    'https://oauth2:token@forge.example/o/r.git',
    'https://forge.example/o/r?x=1#y',
    'https://forge.example/%6f/r',
    'https://forge.example/x/../o/r',
    'https://Forge.Example/O/R',
  ],
  'ssh in all its forms': [
    'git@forge.example:o/r.git',
    'forge.example:o/r',
    'git@forge.example:/o/r.git',
    'GIT@FORGE.EXAMPLE:22:O/R',
    'ssh://git@forge.example/o/r',
    'ssh://git@forge.example:/o/r',
    'ssh://git@forge.example:2222/o/r.git',
    'git+ssh://git@forge.example/o/r',
    'ssh+git://git@forge.example/o/r',
    'git://forge.example:9418/o/r',
    'https://forge.example:3000/o/r',
  ],
  'the ssh address that GitLink writes': [
    'virus@localhost:10081:yystopf/ceshi.git',
    'http://localhost:3000/yystopf/ceshi',
  ],
  IPv6: ['ssh://[::1]:2222/o/r', '[::1]:o/r', 'git@[::1]:o/r', 'http://[0:0::1]:3000/o/r'],
  'international names': [
    'https://bücher.example/é/r',
    'https://xn--bcher-kva.example/e\u0301/r',
    'https://xn--bcher-kva.example/%C3%A9/r',
  ],
  GitHub: [
    'https://github.com/o/r',
    'https://github.com/o/r.git',
    'git@github.com:o/r',
    'ssh://git@ssh.github.com:443/o/r',
  ],
  GitLab: [
    'https://gitlab.com/group1/group2/group3/grp2repo',
    'git@gitlab.com:group1/group2/group3/grp2repo.git',
    'ssh://git@altssh.gitlab.com:443/group1/group2/group3/grp2repo.git',
    'https://gitlab.com/group1/group2/group3/grp2repo/-/tree/main',
  ],
  GitLink: [
    'https://www.gitlink.org.cn/o/r',
    'https://gitlink.org.cn/o/r.git',
    'https://code.gitlink.org.cn/o/r.git',
    'git@code.gitlink.org.cn:o/r.git',
  ],
  Gitee: ['https://gitee.com/o/r.git', 'git@gitee.com:o/r.git'],
  'Bitbucket Cloud': [
    'https://user@bitbucket.org/ws/r.git',
    'git@bitbucket.org:ws/r.git',
    'ssh://git@altssh.bitbucket.org:443/ws/r.git',
  ],
  'Bitbucket Server': [
    'https://bb.example/scm/KEY/r.git',
    'https://bb.example/stash/scm/KEY/r.git',
    'ssh://git@bb.example:7999/key/r.git',
    'https://bb.example/projects/KEY/repos/r',
    'https://bb.example/stash/projects/KEY/repos/r/browse',
  ],
  'a personal repository of Bitbucket Server': [
    'https://bb.example/scm/~user/r.git',
    'ssh://git@bb.example:7999/~user/r.git',
    'https://bb.example/users/user/repos/r',
  ],
  'Azure DevOps': [
    'https://dev.azure.com/org/My%20Project/_git/repo',
    'https://org@dev.azure.com/org/My%20Project/_git/repo',
    'https://org.visualstudio.com/My%20Project/_git/repo',
    'https://org.visualstudio.com/DefaultCollection/My%20Project/_git/repo',
    'git@ssh.dev.azure.com:v3/org/My%20Project/repo',
    'org@vs-ssh.visualstudio.com:v3/org/My%20Project/repo',
    'ssh://org@vs-ssh.visualstudio.com:22/DefaultCollection/My%20Project/_ssh/repo',
  ],
  'an Azure project with one repository': [
    'https://dev.azure.com/org/_git/X',
    'https://dev.azure.com/org/X/_git/X',
    'https://org.visualstudio.com/_git/X',
  ],
  'Azure DevOps Server': [
    'https://azure.example/tfs/Collection/_git/X',
    'https://azure.example/tfs/Collection/X/_git/X',
    'ssh://azure.example:22/tfs/Collection/X/_git/X',
  ],
  Codeup: [
    'https://codeup.aliyun.com/5ea7f8b1c2d3e4f5a6b7c8d9/group/r.git',
    'git@codeup.aliyun.com:5ea7f8b1c2d3e4f5a6b7c8d9/group/r.git',
  ],
  Coding: ['https://e.coding.net/team/project/r.git', 'git@e.coding.net:team/project/r.git'],
  'local repositories': ['/srv/git/r.git', 'file:///srv/git/r.git', 'file:///srv/git/r/'],
}

test.each(Object.entries(equalSets))('all addresses are the same repository: %s', (_, addresses) => {
  const [first = ''] = addresses

  const apart = addresses.filter((address) => !isSame(first, address) || !isSame(address, first))

  expect(apart).toEqual([])
})

test.each([
  ['https://h/o/repo', 'https://h/o/repo-2'],
  ['https://github.com/o/repo', 'https://github.com/o/repo.github.io'],
  ['https://an.example/o/r', 'https://an-example/o/r'],
  ['https://github.com/o/r', 'https://evil-github.com/o/r'],
  ['https://github.com/o/r', 'https://github.com.evil.org/o/r'],
  ['https://github.com/o/r', 'https://evil.org/o/github.com/o/r'],
  ['https://github.com/o/r', 'https://evil.org/github.com/o/r'],
  ['https://h/a/b/r', 'https://h/b/r'],
  ['git@h:a/b/r', 'https://h/b/r'],
  ['https://gitlab.com/g/scm/b/r', 'https://gitlab.com/b/r'],
  ['https://h/g/sub/scm/b/r', 'https://h/b/r'],
  ['http://h:3000/o/r', 'http://h:3001/o/r'],
  ['http://h:3000/o/r', 'https://h/o/r'],
  ['https://gitea.example/o/r', 'https://gitlab.example/o/r'],
  ['https://h/a%2Fb/r', 'https://h/a/b/r'],
  ['https://h/a%252Fb/r', 'https://h/a%2Fb/r'],
  ['https://dev.azure.com/org/p/_git/r', 'https://dev.azure.com/org/p/_git/r.git'],
  ['https://dev.azure.com/org/p/_git/r', 'https://dev.azure.com/other/p/_git/r'],
  ['https://bb.example/scm/KEY/r', 'https://bb.example/scm/~KEY/r'],
  ['/srv/git/r', 'https://srv/git/r'],
])('%s is another repository than %s', (a, b) => {
  const same = [isSame(a, b), isSame(b, a)]

  expect(same).toEqual([false, false])
})

test('a plain git server tells upper from lower case in paths, and never in hosts', () => {
  const exact = { foldCase: false }

  const same = [
    isSame('https://h/O/r', 'https://h/o/r', exact),
    isSame('https://H/o/r', 'https://h/o/r', exact),
    isSame('https://h/O/r', 'https://h/o/r'),
  ]

  expect(same).toEqual([false, true, true])
})

test.each(['', 'git@gogs-server/repo-test.git', 'no address', 'https://', 'https://h', 'C:\\x', 'a/../..'])(
  'the text %j has no key',
  (text) => {
    const keys = addressKeys(text)

    expect(keys).toEqual([])
  },
)

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        'https://',
        'ssh://',
        'git@',
        '/',
        ':',
        '@',
        '-',
        '..',
        '~',
        '[::1]',
        'h',
        'o/r',
        'dev.azure.com',
        '_git',

        '%2e',
        '%2F',
        '%',
        '?',
        '#',
        '.git',
        '22',
        'scm',
        'projects',
        'repos',
        'v3',
        '组',
        'İ',
        'ß',
        'e\u0301',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
)

test('any text at all gives its keys without throwing', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const keys = addressKeys(text)

      for (const { matchKey, exactKey } of keys) {
        expect(matchKey).toBe(matchKey.toLowerCase())
        expect(exactKey.toLowerCase().normalize('NFC')).toBe(matchKey)
      }
    }),
    { numRuns: 5000 },
  )
})

test('an address and what git makes of it have the same keys', () => {
  const rules = { schemes: ['http', 'https', 'ssh'], allowLocal: true, allowsHost: () => true } as const

  fc.assert(
    fc.property(anyText, (text) => {
      const parsed = parseAddress(text, rules)

      if (parsed.kind === 'refused') return
      const { display, url } = parsed.address
      expect(addressKeys(url)).toEqual(addressKeys(display))
    }),
    { numRuns: 5000 },
  )
})
