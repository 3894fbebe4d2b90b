import type { Text } from '../domain-error.ts'

// Why an address cannot be used, and what to write instead. The texts never repeat the address:
// it may hold a secret.

const ADDRESS_EXAMPLE: Text = {
  zh: '请使用 https://主机/组织/仓库.git、ssh://git@主机/组织/仓库.git 或 git@主机:组织/仓库.git',
  en: 'write https://host/owner/repo.git, ssh://git@host/owner/repo.git or git@host:owner/repo.git',
}

const REFUSALS = {
  empty: [{ zh: '仓库地址为空', en: 'the address is empty' }, ADDRESS_EXAMPLE],
  too_long: [{ zh: '仓库地址过长', en: 'the address is too long' }, ADDRESS_EXAMPLE],
  character: [
    {
      zh: '仓库地址含有空白、控制字符或不允许的字符',
      en: 'the address contains white space, a control character or another character that is not allowed',
    },
    { zh: '空格请写作 %20', en: 'write a space as %20' },
  ],
  escape: [
    { zh: '仓库地址含有错误的百分号编码', en: 'the address contains a malformed percent escape' },
    { zh: '百分号请写作 %25', en: 'write a percent sign as %25' },
  ],
  backslash: [{ zh: '仓库地址含有反斜杠', en: 'the address contains a backslash' }, ADDRESS_EXAMPLE],
  option: [
    { zh: '仓库地址不能以 - 开头', en: 'the address, or its path, starts with a dash' },
    ADDRESS_EXAMPLE,
  ],
  helper: [
    { zh: '不允许使用 git 远程助手地址（::）', en: 'remote helper addresses (::) are not allowed' },
    ADDRESS_EXAMPLE,
  ],
  query: [
    { zh: '仓库地址不能含有 ? 或 #', en: 'the address has a query or a fragment' },
    { zh: '请使用克隆地址，而不是网页地址', en: 'use the clone address, not the address of a page' },
  ],
  web_page: [
    { zh: '这是网页地址，不是仓库地址', en: 'this is the address of a page, not of a repository' },
    { zh: '请使用克隆地址', en: 'use the clone address' },
  ],
  form: [{ zh: '无法识别的仓库地址格式', en: 'this is no form of a repository address' }, ADDRESS_EXAMPLE],
  scheme: [
    { zh: '不允许使用该协议', en: 'addresses of this scheme are not allowed' },
    { zh: '允许的协议由 ALLOWED_SCHEMES 设置', en: 'ALLOWED_SCHEMES lists what is allowed' },
  ],
  local: [
    { zh: '不允许使用本地路径', en: 'local repositories are not allowed' },
    { zh: '设置 ALLOW_LOCAL_REPOS=true 后可以使用', en: 'ALLOW_LOCAL_REPOS=true permits them' },
  ],
  password: [
    { zh: '仓库地址中不能包含密码或令牌', en: 'the address contains a password or a token' },
    {
      zh: '请从地址中删除，并使用 inter_token 或 exter_token 参数',
      en: 'remove it and pass it as inter_token or exter_token, where it is stored encrypted',
    },
  ],
  user: [{ zh: '地址中的用户名无效', en: 'the user name in the address is not valid' }, ADDRESS_EXAMPLE],
  host: [{ zh: '地址中的主机名无效', en: 'the host in the address is not valid' }, ADDRESS_EXAMPLE],
  host_denied: [
    { zh: '不允许访问该主机', en: 'this host may not be contacted' },
    { zh: '请检查 ALLOWED_HOSTS 与 DENIED_HOSTS', en: 'see ALLOWED_HOSTS and DENIED_HOSTS' },
  ],
  port: [
    { zh: '地址中的端口不允许使用', en: 'the port in the address is not allowed' },
    { zh: '可用端口：22、80、443 及 1024 以上', en: 'use 22, 80, 443 or a port from 1024' },
  ],
  scp_port: [
    { zh: 'git@主机:路径 的写法不能带端口', en: 'the form git@host:path cannot carry a port' },
    { zh: '请使用 ssh://git@主机:端口/组织/仓库.git', en: 'write ssh://git@host:port/owner/repo.git' },
  ],
  climbs: [{ zh: '路径中的 .. 超出了根目录', en: 'the path climbs out with ..' }, ADDRESS_EXAMPLE],
  no_path: [{ zh: '地址中没有仓库路径', en: 'the address names no repository' }, ADDRESS_EXAMPLE],
} as const satisfies Readonly<Record<string, readonly [Text, Text]>>

export type RefusalReason = keyof typeof REFUSALS

export type Refusal = {
  readonly kind: 'refused'
  readonly reason: RefusalReason
  readonly detail: Text
  readonly hint: Text
}

export function refuse(reason: RefusalReason): Refusal {
  const [detail, hint] = REFUSALS[reason]
  return { kind: 'refused', reason, detail, hint }
}
