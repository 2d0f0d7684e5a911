export type Theme = 'light' | 'dark'

const KEY = 'decloud.theme'

const preferred = (): Theme => (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')

export const currentTheme = (): Theme => {
  const stored = localStorage.getItem(KEY)
  return stored === 'light' || stored === 'dark' ? stored : preferred()
}

export const applyTheme = (theme: Theme): void => {
  document.documentElement.dataset['theme'] = theme
}

export const storeTheme = (theme: Theme): void => {
  localStorage.setItem(KEY, theme)
  applyTheme(theme)
}
