import type { ButtonHTMLAttributes } from 'react'

export const Button = ({
  kind,
  size = 'normal',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & {
  kind: 'primary' | 'secondary' | 'plain' | 'danger'
  size?: 'small' | 'normal' | 'large'
}) => <button type="button" className="button" data-kind={kind} data-size={size} {...rest} />
