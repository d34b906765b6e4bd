{{- define "podrole.labels" -}}
app.kubernetes.io/name: podrole-webhook
app.kubernetes.io/instance: {{ .Values.name }}
{{- end }}

{{- define "podrole.metadata" -}}
name: {{ .Values.name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "podrole.labels" . | nindent 2 }}
{{- end }}

{{- define "podrole.clusterMetadata" -}}
name: {{ .Values.name }}
labels:
  {{- include "podrole.labels" . | nindent 2 }}
{{- end }}

{{- define "podrole.selfSigned" -}}
{{- if eq .Values.certificates "self-signed" }}true{{ end }}
{{- end }}

{{- define "podrole.check" -}}
{{- if not (has .Values.certificates (list "self-signed" "cert-manager" "secret")) }}
{{- fail (printf "certificates is %q; expected self-signed, cert-manager or secret" .Values.certificates) }}
{{- end }}
{{- if and (eq .Values.certificates "secret") (not .Values.caBundle) }}
{{- fail "certificates: secret needs caBundle, the CA that signed it (PEM in base64)" }}
{{- end }}
{{- if not (has .Values.failurePolicy (list "Ignore" "Fail")) }}
{{- fail (printf "failurePolicy is %q; expected Ignore or Fail" .Values.failurePolicy) }}
{{- end }}
{{- end }}
