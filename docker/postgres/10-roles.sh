#!/bin/sh
# Run once, by the image, when the database is made: the role that migrates owns it, the role that serves does not.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set=owner_password="$MRI_OWNER_PASSWORD" --set=app_password="$MRI_APP_PASSWORD" <<'SQL'
CREATE ROLE mri_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE mri_app LOGIN PASSWORD :'app_password';
CREATE DATABASE mri OWNER mri_owner;
REVOKE ALL ON DATABASE mri FROM PUBLIC;
GRANT CONNECT ON DATABASE mri TO mri_app;
SQL
