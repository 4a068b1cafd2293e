import { type PeerId, toHex } from '../base/index.ts'

/** Where the ledger keeps what; see records.ts. */
export const paths = {
  key: (name: string): string => `key/${name}`,
  keyName: (keyId: Uint8Array): string => `key-name/${toHex(keyId)}`,
  version: (keyId: Uint8Array, version: number): string => `version/${toHex(keyId)}/${version}`,
  ceremony: (id: Uint8Array): string => `ceremony/${toHex(id)}`,
  deal: (ceremony: Uint8Array, dealer: Uint8Array): string => `deal/${toHex(ceremony)}/${toHex(dealer)}`,
  conviction: (peerId: PeerId): string => `conviction/${peerId}`,
  openCeremonies: 'ceremonies',
} as const
